// Why something failed, in plain words.
import { ApiError } from './api.js';
import { t } from './i18n.js';

export function causeOf(error) {
  if (!(error instanceof ApiError)) return t('error.page');
  if (error.code === 'network') return navigator.onLine ? t('error.unreachable') : t('error.offline');
  if (error.status === 403) return t('error.forbidden');
  return error.message;
}
