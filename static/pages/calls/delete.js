// Deletes every call that matches: first they are counted, and only that number is deleted.
import { Button, Icon } from '../../components/basics.js';
import { Dialog } from '../../components/dialog.js';
import { Answer, causeOf } from '../../components/states.js';
import { api } from '../../lib/api.js';
import { dateTime, number } from '../../lib/format.js';
import { t } from '../../lib/i18n.js';
import { notify } from '../../lib/notices.js';
import { forget, useAnswer } from '../../lib/query.js';
import { html, useState } from '../../lib/ui.js';

export function DeleteCalls({ asked, close, deleted }) {
  const counted = useAnswer(`delete calls ${JSON.stringify(asked)}`, (signal) => api.delete('api/calls', { query: asked, signal }));
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState(null);
  const found = counted.loading ? null : counted.data;
  const run = async () => {
    setBusy(true);
    setFailure(null);
    try {
      const { deleted: count } = await api.delete('api/calls', { query: { ...asked, range: null, from: found.from, to: found.to, confirm: found.matched } });
      forget('api/');
      notify(t('calls.were_deleted', { n: count }));
      deleted();
      close();
    } catch (error) {
      setFailure(error);
      setBusy(false);
      // Others match by now: they are counted anew.
      if (error.status === 409) counted.reload();
    }
  };
  return html`
    <${Dialog} title=${t('calls.delete_title')} close=${close} actions=${html`<${Button} onClick=${close}>${t('common.cancel')}<//>
      <${Button} kind="danger" icon="trash-2" busy=${busy} disabled=${!found?.matched} onClick=${run}>${found?.matched ? t('calls.delete_n', { n: found.matched }) : t('common.delete')}<//>`}>
      <div class="stack">
        <${Answer} of=${{ ...counted, data: found ?? undefined }} rows=${2} quiet>${({ matched, from, to, unreadable }) => html`
          <p>${matched ? t('calls.delete_these', { n: matched, from: from ? dateTime(from) : t('calls.log_begins'), to: dateTime(to) }) : t('calls.none_to_delete')}</p>
          ${unreadable.map(({ day, reason }) => html`<p class="form-problem" key=${day}><${Icon} name="triangle-alert" />${t('calls.unreadable', { day, reason })}</p>`)}`}<//>
        <p class="hint">${t('calls.delete_hint')}</p>
        ${failure && html`<p class="form-problem" role="alert"><${Icon} name="circle-alert" />${causeOf(failure)}</p>`}
      </div>
    <//>`;
}
