// Decisions of scripts in words.
import { t } from '../../lib/i18n.js';

const TONES = { sent: 'good', rejected: 'warn', answered: 'info', failed: 'bad', nowhere: 'bad' };
export const toneOfEnding = (ending) => TONES[ending] ?? 'plain';

/** How a request ends, as a few words. */
export const endingOf = ({ ending, status, reason }) => t(`scripts.ending_${ending}`, { status: String(status ?? ''), reason: reason ?? '' });

/** What the API says of an ending, such as `rejected: 403 client_blocked`, as words. */
function endingWords(text) {
  const [, ending, rest = ''] = /^(\w+)(?:: (.*))?$/.exec(text) ?? [];
  const [, status = '', reason = ''] = /^(\d{3})? ?(.*)$/.exec(rest);
  const name = { refused: 'nowhere' }[ending] ?? ending;
  return ['sent', 'rejected', 'answered', 'failed', 'nowhere'].includes(name) ? endingOf({ ending: name, status, reason }) : text;
}

/** One difference as a sentence's two sides. */
export const sidesOf = ({ aspect, live, draft }) => [live, draft].map((text) => (aspect === 'reject' ? endingWords(text) : text || t('common.none')));
