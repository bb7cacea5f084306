// A call as code to paste: curl, Python and Node, without anything to install besides.
import { url } from './api.js';

export const SNIPPETS = ['curl', 'Python', 'Node'];

const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const pretty = (text) => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
};

/** `path` below this server, `body` as JSON text, `token` of a client. */
export function snippet(language, { path = '/v1/chat/completions', body, token = 'YOUR-CLIENT-TOKEN' }) {
  const address = url(path).href;
  if (language === 'Python') {
    return `import json, urllib.request

body = json.loads(r'''${pretty(body).replaceAll("'''", "\\'\\'\\'")}''')
request = urllib.request.Request(
    "${address}",
    data=json.dumps(body).encode(),
    headers={"authorization": "Bearer ${token}", "content-type": "application/json"},
)
print(urllib.request.urlopen(request).read().decode())`;
  }
  if (language === 'Node') {
    return `const response = await fetch('${address}', {
  method: 'POST',
  headers: { authorization: 'Bearer ${token}', 'content-type': 'application/json' },
  body: JSON.stringify(${pretty(body)}),
});
console.log(await response.text());`;
  }
  return `curl ${address} \\
  -H 'authorization: Bearer ${token}' \\
  -H 'content-type: application/json' \\
  -d ${shell(body)}`;
}
