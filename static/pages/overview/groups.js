// By whom the figures are grouped: the choice stands in the address, and every chart follows it.
import { Menu, MenuEntry } from '../../components/menu.js';
import { t } from '../../lib/i18n.js';
import { href, route, setQuery } from '../../lib/router.js';
import { html } from '../../lib/ui.js';
import { SERIES } from '../../lib/words.js';

export const GROUPS = ['model', 'key', 'client', 'provider'];

/** The group that was chosen, or undefined: each chart as it is most telling. */
export const groupOf = () => (GROUPS.includes(route.value.query.by) ? route.value.query.by : undefined);

export const GroupChoice = () => html`
  <${Menu} icon="layers" title=${t('overview.group_by')} active=${Boolean(groupOf())} label=${groupOf() ? t(`overview.by_${groupOf()}`) : t('overview.group_by')}>${(close) => html`
    <${MenuEntry} close=${close} chosen=${!groupOf()} run=${() => setQuery({ by: null })}>${t('overview.not_grouped')}<//>
    ${GROUPS.map((name) => html`<${MenuEntry} key=${name} close=${close} chosen=${groupOf() === name} run=${() => setQuery({ by: name })}>${t(`overview.by_${name}`)}<//>`)}`}<//>`;

/** The filter of the list of calls that finds the calls of a member; calls without one cannot be asked for. */
export const filterOf = (by, member) => {
  if (member.is_others) return {};
  const value = by === 'model' ? member.name : member.id;
  return value === null || value === undefined ? {} : { [by]: value };
};

/** The calls of one bucket, narrowed by what a series is about. */
export const callsOf = (bucket, series) => href('calls', { from: bucket.from, to: bucket.to, ...(series?.filter ?? {}) });

/** Members as series of a chart, with the values that `of` gives. */
export const seriesOf = (members, by, of) => members.map((one, at) => ({
  name: one.is_others ? t('chart.others') : one.name ?? t('chart.none'),
  colour: one.is_others ? 'series-others' : SERIES[at % SERIES.length],
  filter: filterOf(by, one),
  values: of(one),
}));
