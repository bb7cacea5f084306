// The reference of scripts in Chinese, by its English text. What is missing stays English.
export default {
  "Called after the token and the asked model were checked, before routing. `()` goes on; `reject(status, code, message)`; `respond(status, headers, body)`. It may change `req.model`, `req.body`, `req.headers`, `req.tags` and `req.attributes`.":
    "在校验令牌与所请求的模型之后、路由之前调用。`()` 继续；`reject(status, code, message)` 拒绝；`respond(status, headers, body)` 直接回答。可修改 `req.model`、`req.body`、`req.headers`、`req.tags` 与 `req.attributes`。",
  "Called when it is decided where the model goes. `()`, or `#{model, provider, tags, fallbacks}`, each of them optional: another model; only this provider; only keys with one of these tags (beside the client's own limits); models to try afterwards, in order.":
    "在决定模型去向时调用。返回 `()`，或 `#{model, provider, tags, fallbacks}`，各项均可省略：改用的模型；仅此供应商；仅带有其中某个标签的密钥（客户端自身的限制仍然有效）；随后依次尝试的模型。",
  "Called when a key is chosen, for each attempt. `()` leaves it to the model's strategy; a key; an array of keys, of which the first that can serves; a view of keys, of which the strategy takes one. It is not asked where there is no choice: for a call that names an object which one key owns, and when the same key is tried once more.":
    "每次尝试选择密钥时调用。`()` 交给模型的策略；返回一个密钥；返回密钥数组，由其中第一个可用的服务；返回密钥视图，由策略从中选取。没有选择余地时不会询问：调用指明了归某个密钥所有的对象，或再次尝试同一个密钥。",
  "Called just before an attempt is sent. Nothing. It may change `up.path`, `up.headers` and `up.body`.":
    "在每次尝试发送前调用，不返回任何内容。可修改 `up.path`、`up.headers` 与 `up.body`。",
  "Called when an attempt has failed. `()`, or `#{retry, scope, effect, seconds, reason}`, each of them optional: retry `\"none\"`, `\"same\"` or `\"next\"`; scope `\"request\"`, `\"model\"`, `\"key\"` or `\"provider\"`; effect `\"none\"`, `\"cooldown\"` (`seconds`, 60 unless given) or `\"disable\"`. The effect falls on the scope: a model, a key or a provider can rest, a key alone can be disabled, and a request has no effect; what contradicts itself is an error. A scope alone keeps the built-in effect where that can fall on it; else nothing follows, but a provider's failure counts for its breaker. `\"disable\"` alone means the key. Secrets of the key are masked in `err`.":
    "在一次尝试失败后调用。返回 `()`，或 `#{retry, scope, effect, seconds, reason}`，各项均可省略：retry 为 `\"none\"`、`\"same\"` 或 `\"next\"`；scope 为 `\"request\"`、`\"model\"`、`\"key\"` 或 `\"provider\"`；effect 为 `\"none\"`、`\"cooldown\"`（时长为 `seconds` 秒，默认 60）或 `\"disable\"`。effect 作用于 scope：模型、密钥或供应商可以休息，只有密钥可以停用，请求没有 effect；自相矛盾的返回值是错误。只给 scope 时，内置的 effect 若能作用于它则保留，否则没有后果，但供应商的失败计入其熔断器。只给 `\"disable\"` 指密钥。`err` 中的密钥内容会被遮盖。",
  "Called when the head of an answer is ready, and its body where that is not a stream. Nothing. It may change `resp.status`, `resp.headers` and `resp.body`. What a provider refuses comes with its body; any other answer over 1 MiB, or of another content type than JSON, flows like a stream: `resp.body` is then `()` and `resp.is_stream` true. Where the client of a stream was kept waiting with a head of Keywheel's own, changes of status and headers come too late and have no effect.":
    "在回答的响应头就绪时调用；非流式回答时正文也已就绪。不返回任何内容。可修改 `resp.status`、`resp.headers` 与 `resp.body`。供应商拒绝时附带其正文；其他超过 1 MiB 的回答，或内容类型不是 JSON 的回答，与流一样边收边发：此时 `resp.body` 为 `()`，`resp.is_stream` 为 true。若流的客户端等待期间已收到 Keywheel 自己的响应头，对状态与标头的修改为时已晚，不起作用。",
  "Called for each event of a stream. `()` keeps the event, with the changes made in `event.data`; `false` drops it; anything else is its new data.":
    "对流的每个事件调用。`()` 保留该事件及对 `event.data` 的修改；`false` 丢弃；其他值成为新的数据。",
  "Called after the call, off its path. Nothing, or `#{tags, redact, drop_body}`, each of them optional: labels for the record; patterns that are replaced in its texts and kept bodies; whether its bodies are not kept. `record` is a map: `id, started_ms, duration_ms, first_token_ms, method, path, api, stream, client, ip, model, model_served, provider, key, status, outcome, error_code, error_message, input_tokens, output_tokens, cost_usd, bytes_in, bytes_out, blank, attempts, tags, attributes`.":
    "在调用结束后、脱离其路径时调用。不返回任何内容，或返回 `#{tags, redact, drop_body}`，各项均可省略：记录的标签；在文本与所存正文中要替换的模式；是否不保存正文。`record` 是一个映射：`id, started_ms, duration_ms, first_token_ms, method, path, api, stream, client, ip, model, model_served, provider, key, status, outcome, error_code, error_message, input_tokens, output_tokens, cost_usd, bytes_in, bytes_out, blank, attempts, tags, attributes`。",
  "Called when a key or a provider changed its state, off any call's path. Nothing. `event` is a map: `at_ms, provider, key, kind, until_ms, model, reason`; its kind is `cooling`, `disabled_auto`, `disabled_manual`, `active`, `breaker_opened` or `breaker_closed`.":
    "在密钥或供应商状态变化时调用，不在任何调用的路径上，不返回任何内容。`event` 是一个映射：`at_ms, provider, key, kind, until_ms, model, reason`；kind 为 `cooling`、`disabled_auto`、`disabled_manual`、`active`、`breaker_opened` 或 `breaker_closed`。",
  "`req`: a client's request. All hooks of a call see the same one.":
    "`req`：客户端的请求。同一调用的所有钩子看到的是同一个请求。",
  "The call's id, as in `x-request-id`.":
    "调用 ID，与 `x-request-id` 相同。",
  "The HTTP method, such as `POST`.":
    "HTTP 方法，例如 `POST`。",
  "The path without its query, such as `/v1/chat/completions`.":
    "不含查询参数的路径，例如 `/v1/chat/completions`。",
  "The model asked for, `()` when the request names none. Assigned to in `on_request`, another model serves the call; the client's right to it is not checked again.":
    "请求的模型，未指明时为 `()`。在 `on_request` 中赋值后由另一个模型服务，不再校验客户端对它的权限。",
  "Whether the client asked for a stream.":
    "客户端是否请求流式回答。",
  "Who calls.":
    "调用者。",
  "The client's headers. What is set here passes to a provider by the same allow-list as what a client sends; what `on_upstream_request` sets in `up.headers` passes always.":
    "客户端的请求头。在此设置的内容与客户端发送的一样，按允许列表传给供应商；`on_upstream_request` 在 `up.headers` 中设置的总会传递。",
  "The body, parsed only where it is looked at.":
    "正文，仅在读取处解析。",
  "Tokens that the call is expected to use, as limits count them: pictures count a bounded sum, never their base64.":
    "预计用量（Token），与限额的计数方式相同：图片按有限的数值计，不计其 base64。",
  "Labels for the call's record: `req.tags.push(\"canary\")`.":
    "调用记录的标签：`req.tags.push(\"canary\")`。",
  "Values that later hooks of the same call see and that stay on its record: `req.attributes.team = \"a\"`.":
    "供同一调用后续钩子读取并保留在记录中的值：`req.attributes.team = \"a\"`。",
  "`req.client`: who calls.":
    "`req.client`：调用者。",
  "Its id, or `()`.":
    "其 ID，或 `()`。",
  "The operator's name for it, or `()`.":
    "运营者所起的名称，或 `()`。",
  "Its tags.":
    "其标签。",
  "The address it calls from, or `()`.":
    "发起调用的地址，或 `()`。",
  "A view into a JSON body. Members are read as `body.name` or `body[\"name\"]`, elements as `list[0]` (from the end: `list[-1]`). Strings, numbers, booleans and null come as values (null as `()`), objects and arrays as further views; what does not exist is `()`, so write `body.tools?.len()` where a member may be missing. A change is made in place: `body.max_tokens = 100`. Everything that a script does not change keeps its bytes. A body that is not JSON has no members.":
    "JSON 正文的视图。成员以 `body.name` 或 `body[\"name\"]` 读取，元素以 `list[0]` 读取（从末尾：`list[-1]`）。字符串、数字、布尔与 null 以值返回（null 为 `()`），对象与数组返回下一层视图；不存在的为 `()`，因此在成员可能缺失处请写 `body.tools?.len()`。修改就地进行：`body.max_tokens = 100`。脚本未修改的部分保持原有字节。非 JSON 的正文没有成员。",
  "Reads a member or an element, or changes it when assigned to.":
    "读取成员或元素；赋值则修改。",
  "Walks over the elements of an array, or the names of an object's members.":
    "遍历数组的元素，或对象的成员名。",
  "Whether an object has a member of that name, or an array such an element.":
    "对象是否有该名称的成员，或数组是否有该元素。",
  "Whether two values have the same JSON text.":
    "两个值的 JSON 文本是否相同。",
  "How many members or elements there are.":
    "成员或元素的数量。",
  "The names of an object's members, in the order of the text.":
    "对象的成员名，按文本中的顺序。",
  "Whether this is an object.":
    "是否为对象。",
  "Whether this is an array.":
    "是否为数组。",
  "Removes a member or an element, if there is one.":
    "删除成员或元素（如果存在）。",
  "Adds an element behind the last one.":
    "在末尾添加元素。",
  "Inserts an element before the one at `index`.":
    "在 `index` 处的元素之前插入。",
  "A copy as a map or array of the script's own.":
    "脚本自有的映射或数组副本。",
  "Headers by name, in any case. Headers that carry credentials read as `()` and cannot be set; neither can those that belong to the connection or the body's framing.":
    "按名称读取的标头，不区分大小写。携带凭据的标头读作 `()` 且不可设置；属于连接或正文分帧的标头同样不可设置。",
  "A header's value, or `()`. Assigned to, it sets the header; `()` removes it. `headers.name` works too.":
    "标头的值，或 `()`。赋值即设置，赋 `()` 即删除。也可写作 `headers.name`。",
  "Whether there is such a header.":
    "是否有该标头。",
  "The names, in lower case.":
    "名称，均为小写。",
  "Removes a header.":
    "删除标头。",
  "The tags of a client or a key. It cannot be changed.":
    "客户端或密钥的标签，不可修改。",
  "Whether the list has this string; also `list.contains(text)`.":
    "列表中是否有该字符串；也可用 `list.contains(text)`。",
  "An entry, counted from 0, or from the end when negative; `()` outside.":
    "从 0 计数的条目，负数从末尾计；越界为 `()`。",
  "Walks over the entries.":
    "遍历条目。",
  "How many entries there are.":
    "条目数量。",
  "A copy that can be changed.":
    "可修改的副本。",
  "What `reject` answers.":
    "`reject` 的返回值。",
  "The HTTP status.":
    "HTTP 状态码。",
  "The error's code.":
    "错误代码。",
  "The error in words.":
    "错误说明。",
  "What `respond` answers.":
    "`respond` 的返回值。",
  "The body as text.":
    "文本形式的正文。",
  "A provider key. Scripts never see its secret.":
    "供应商密钥。脚本看不到其内容。",
  "Its id.":
    "其 ID。",
  "The operator's name for it.":
    "运营者所起的名称。",
  "The provider's name.":
    "供应商名称。",
  "Its share of calls relative to its peers.":
    "相对于其他密钥的调用份额。",
  "Its order for the strategy `priority`; smaller is first.":
    "在 `priority` 策略中的次序，小者优先。",
  "Calls in flight.":
    "进行中的调用数。",
  "Requests in the last 60 seconds.":
    "最近 60 秒的请求数。",
  "Tokens in the last 60 seconds.":
    "最近 60 秒的 Token 数。",
  "Requests that the provider says are left; `()` when it does not say.":
    "供应商告知的剩余请求数；未告知时为 `()`。",
  "Tokens that the provider says are left; `()` when it does not say.":
    "供应商告知的剩余 Token 数；未告知时为 `()`。",
  "Unix milliseconds at which what is left is reset, or `()`.":
    "余量重置的 Unix 毫秒时间，或 `()`。",
  "Unix milliseconds of its last call, or `()`.":
    "最近一次调用的 Unix 毫秒时间，或 `()`。",
  "Its mean latency in milliseconds, newer calls counting more, or `()`.":
    "平均延迟（毫秒），较新的调用权重更大；或 `()`。",
  "Failures in a row.":
    "连续失败次数。",
  "The keys that could serve this attempt: ready, allowed for the client and the model, not yet tried. It is a view: a pool of 100,000 keys costs what the script looks at.":
    "可服务本次尝试的密钥：就绪、对客户端与模型允许、尚未尝试。这是视图：即使有 100,000 个密钥，开销也只取决于脚本查看的部分。",
  "How many there are.":
    "数量。",
  "Whether there are none.":
    "是否为空。",
  "The key at a position from 0; `()` outside.":
    "从 0 计数的位置上的密钥；越界为 `()`。",
  "The same as `get`.":
    "与 `get` 相同。",
  "Walks over all of them: it costs as many steps as there are keys.":
    "遍历全部：密钥有多少，步数就有多少。",
  "Those that have a tag. The first tag is looked up; a further one costs a look at each key that is left.":
    "带有某标签的密钥。第一个标签直接查得；再加一个标签则要逐一查看余下的密钥。",
  "Those for which the function answers true, such as `keys.filter(|k| k.failures == 0)`. It looks at every key.":
    "函数返回 true 的密钥，例如 `keys.filter(|k| k.failures == 0)`。会查看每个密钥。",
  "The one for which the function answers the smallest number; `()` when there are none. It looks at every key.":
    "函数返回值最小的密钥；为空时为 `()`。会查看每个密钥。",
  "The one with the fewest calls in flight for its weight; `()` when there are none.":
    "按权重计进行中调用最少的密钥；为空时为 `()`。",
  "The one with the lowest latency, as the strategy `fastest` finds it; `()` when there are none.":
    "延迟最低的密钥，与 `fastest` 策略相同；为空时为 `()`。",
  "The one that the model's own strategy takes among what is left; `()` when there are none.":
    "模型自身策略在其余密钥中选取的一个；为空时为 `()`。",
  "`up`: the request as it goes to the provider. Where it goes is the provider's base URL and nothing else.":
    "`up`：发给供应商的请求。去向只能是该供应商的 Base URL。",
  "The provider's name for the model, or `()`.":
    "供应商对该模型的名称，或 `()`。",
  "The path under the provider's base URL, such as `/chat/completions`.":
    "供应商 Base URL 之下的路径，例如 `/chat/completions`。",
  "The headers that go along.":
    "随请求发送的标头。",
  "The body.":
    "正文。",
  "`err`: an attempt that failed.":
    "`err`：失败的尝试。",
  "The provider's HTTP status; `()` when it did not answer.":
    "供应商的 HTTP 状态码；未回答时为 `()`。",
  "The error's code, or `()`.":
    "错误代码，或 `()`。",
  "The error's type, or `()`.":
    "错误类型，或 `()`。",
  "The provider's words.":
    "供应商的说明。",
  "The answer's headers.":
    "回答的标头。",
  "Milliseconds since the attempt began.":
    "自尝试开始以来的毫秒数。",
  "Body bytes that the provider was sent.":
    "已发给供应商的正文字节数。",
  "`resp`: an answer on its way to the client.":
    "`resp`：发往客户端的回答。",
  "The headers for the client.":
    "发给客户端的标头。",
  "The body; `()` when the answer is a stream.":
    "正文；流式回答时为 `()`。",
  "Whether the answer is a stream.":
    "是否为流式回答。",
  "`event` of `on_chunk`: one event of a stream.":
    "`on_chunk` 的 `event`：流的一个事件。",
  "The event's name, or `()`.":
    "事件名称，或 `()`。",
  "Its position in the stream, from 0.":
    "在流中的位置，从 0 计数。",
  "Its data as it came.":
    "原样的数据。",
  "Its data; `()` when it is not JSON, such as `[DONE]`.":
    "数据；不是 JSON 时（例如 `[DONE]`）为 `()`。",
  "A header's value, or `default` when there is none.":
    "标头的值；没有时为 `default`。",
  "Refuses the call: the client gets this status (400 to 599) and an error in the OpenAI shape. Nothing is sent to a provider.":
    "拒绝调用：客户端收到此状态码（400 至 599）与 OpenAI 格式的错误，不会发送给供应商。",
  "Answers the call at once: a string goes out as text, anything else as JSON. Nothing is sent to a provider. Headers that belong to the connection or the body's framing, such as `content-length`, are an error.":
    "直接回答调用：字符串以文本发出，其他以 JSON 发出，不会发送给供应商。属于连接或正文分帧的标头（如 `content-length`）是错误。",
  "Values that all calls and scripts share, in memory: they outlive a call and a reload, not a restart. The store is bounded: when it is full of values that have not expired, setting fails.":
    "所有调用与脚本在内存中共享的值：跨调用与重新加载保留，重启后消失。存储有上限：被未过期的值占满时，设置会失败。",
  "The value of a key; `()` when there is none or it has expired.":
    "键的值；没有或已过期时为 `()`。",
  "The same, with `default` in place of `()`.":
    "同上，以 `default` 代替 `()`。",
  "Keeps a string, number, boolean, array or map of at most 64 KiB for `ttl_s` seconds (1 to 31 days).":
    "保存字符串、数字、布尔、数组或映射（最大 64 KiB），时长 `ttl_s` 秒（1 秒至 31 天）。",
  "Adds to a count and returns the sum. The count begins at 0 and lives `ttl_s` seconds from its first addition.":
    "累加计数并返回总和。计数从 0 开始，自首次累加起保留 `ttl_s` 秒。",
  "The same, by 1.":
    "同上，加 1。",
  "Forgets a key.":
    "删除键。",
  "In a replay both come from the record of the call, so that it decides as it did.":
    "重放时两者取自调用记录，因此会作出当时的决定。",
  "Milliseconds since 1970, UTC.":
    "自 1970 年以来的毫秒数（UTC）。",
  "The time now in an IANA zone: `#{year, month, day, hour, minute, weekday}`, weekdays from 1 for Monday.":
    "IANA 时区的当前时间：`#{year, month, day, hour, minute, weekday}`，星期一为 1。",
  "A random number from 0 to below 1.":
    "0 到 1（不含）之间的随机数。",
  "A random whole number from 0 to below `below`.":
    "0 到 `below`（不含）之间的随机整数。",
  "A number from 0 that depends on the text alone and stays the same over restarts and versions: `hash(req.client.name) % 100 < 5` is the same twentieth of clients at all times.":
    "只取决于文本、且跨重启与版本保持不变的非负整数：`hash(req.client.name) % 100 < 5` 始终是同样的二十分之一客户端。",
  "The value as JSON text; members of a map come sorted by name.":
    "值的 JSON 文本；映射的成员按名称排序。",
  "The value of a JSON text.":
    "JSON 文本的值。",
  "About how many tokens a text has.":
    "文本大约的 Token 数。",
  "Searches take time in proportion to the text. There are no look-around and no back-references; `\\b` knows ASCII letters only. Write patterns in back-quotes, so that backslashes stay: `` `\\d+` ``.":
    "搜索耗时与文本长度成正比。不支持环视与反向引用；`\\b` 仅识别 ASCII 字母。请用反引号书写模式以保留反斜杠：`` `\\d+` ``。",
  "Whether the pattern matches somewhere in the text.":
    "模式是否在文本中匹配。",
  "The first match, or `()`.":
    "第一个匹配，或 `()`。",
  "Every match.":
    "所有匹配。",
  "The text with every match replaced. `$1` or `${name}` stand for a group, `$$` for a dollar sign.":
    "替换所有匹配后的文本。`$1` 或 `${name}` 表示分组，`$$` 表示美元符号。",
  "Lines go to Keywheel's log, at most 50 a second; the rest is counted.":
    "写入 Keywheel 的日志，每秒最多 50 行，其余只计数。",
  "Logs for whoever works on the script.":
    "供脚本开发者查看的日志。",
  "Logs for the record; `print` does the same.":
    "一般日志；`print` 与此相同。",
  "Logs that something is wrong.":
    "记录有问题的情况。",
  "For `test_*` functions, and for anything that must hold.":
    "用于 `test_*` 函数以及必须成立的条件。",
  "Throws unless the condition holds.":
    "条件不成立时抛出。",
  "Throws this message unless the condition holds.":
    "条件不成立时抛出此消息。",
  "Throws, and shows both, unless the two have the same JSON form.":
    "两者的 JSON 形式不同时抛出，并显示两者。",
  "These work in `test_*` functions only. Members that are left out get plain values; one that is misspelt is an error.":
    "仅可在 `test_*` 函数中使用。省略的成员取普通值；拼写错误的成员会报错。",
  "A request: `#{method, path, model, stream, client: #{id, name, tags, ip}, headers: #{}, body: #{}, estimated_tokens}`.":
    "请求：`#{method, path, model, stream, client: #{id, name, tags, ip}, headers: #{}, body: #{}, estimated_tokens}`。",
  "Keys, each given as a map of its properties. The first is what the built-in strategy takes.":
    "密钥，每个以其属性的映射给出。内置策略选取第一个。",
  "A request to a provider: `#{provider, model, path, headers: #{}, body: #{}}`.":
    "发给供应商的请求：`#{provider, model, path, headers: #{}, body: #{}}`。",
  "A failed attempt: `#{status, code, type, message, headers: #{}, elapsed_ms, bytes_sent}`.":
    "失败的尝试：`#{status, code, type, message, headers: #{}, elapsed_ms, bytes_sent}`。",
  "An answer: `#{status, headers: #{}, body}`; without a body it is a stream.":
    "回答：`#{status, headers: #{}, body}`；没有 body 时为流。",
  "A stream's event: `#{name, index, body}`.":
    "流的事件：`#{name, index, body}`。",
  "Sets the time that `now_ms` and `local_time` tell.":
    "设置 `now_ms` 与 `local_time` 返回的时间。",
  "Headers of any object":
    "任意对象的标头",
  "Answers of on_request":
    "on_request 的返回值",
  "Shared store":
    "共享存储",
  "Time and chance":
    "时间与随机",
  "Texts and values":
    "文本与值",
  "Regular expressions":
    "正则表达式",
  "Log":
    "日志",
  "Assertions":
    "断言",
  "Tests":
    "测试",
  "Rules":
    "规则",
  "- Where several scripts define a hook, they run in order, and the first answer that is not `()` counts; changes add up.\n- What a function's last statement gives is its answer. End with `;` or `()` where that is not meant.\n- A call keeps the scripts that it began with. Nothing is kept between two runs but what `kv_set` and `kv_incr` store.\n- A changed file is looked at at once where the system tells of changes, and within two seconds on a mount that does not, such as some\n  network and container mounts; `--script-watch 500ms` looks that often instead. What the API writes is live before it answers.\n- Constants at a file's top level can be used in its functions; a top-level `let` cannot.\n- `on_load(config)` runs before a set goes live; `throw` refuses it. `config` is a map: `version, providers, models, key_tags`.\n- `test_*()` functions run at every load, each with a store and a clock of its own; `throw` or a failed `assert` refuses the set.\n- There is no network, no file, no environment, no `eval` and no `sleep`. A script never sees a secret.\n- When `on_request` or `on_upstream_request` fails, the client gets 500 `script_error` and nothing is sent. Where any other hook fails,\n  the call goes on as if there were no such hook. A failure is in the log, in `/metrics`, and on the call's record with its line and column.\n- `on_response` gets a body only where the answer is held whole: JSON of at most 1 MiB, or a provider's refusal. All others flow, and are\n  as a stream to it.\n- A hook that fails many calls in a row is left out until the next reload; a filter that is left out stays closed.\n- When the scripts cannot be loaded at a start, there is no last good set to go on with: no call is let through until they load.\n":
    "- 多个脚本定义同一钩子时依次运行，第一个不是 `()` 的返回值有效；修改会累积。\n- 函数最后一条语句的值即返回值。若非本意，请以 `;` 或 `()` 结尾。\n- 调用始终使用其开始时的脚本。两次运行之间只保留 `kv_set` 与 `kv_incr` 存储的内容。\n- 系统会通知变更时，修改的文件立即被查看；在没有通知的挂载上（例如某些网络或容器挂载）两秒内被查看；`--script-watch 500ms` 改为按此间隔查看。通过 API 写入的内容在应答之前就已生效。\n- 文件顶层的常量可在其函数中使用；顶层的 `let` 不可以。\n- `on_load(config)` 在一组脚本生效前运行，`throw` 会拒绝该组。`config` 是一个映射：`version, providers, models, key_tags`。\n- `test_*()` 函数在每次加载时运行，各有独立的存储与时钟；`throw` 或失败的 `assert` 会拒绝该组。\n- 没有网络、文件、环境变量、`eval` 与 `sleep`。脚本看不到任何密钥内容。\n- `on_request` 或 `on_upstream_request` 失败时，客户端收到 500 `script_error`，不会发送。其他钩子失败时，调用继续，如同没有该钩子。失败会记录在日志、`/metrics` 与调用记录中（含行号与列号）。\n- 只有整体持有的回答（不超过 1 MiB 的 JSON，或供应商的拒绝）才会把正文交给 `on_response`；其他回答边收边发，对它而言与流相同。\n- 连续让多次调用失败的钩子会被停用，直到下次加载；被停用的过滤器保持关闭。\n- 启动时脚本无法加载，就没有可沿用的上一组：在加载成功之前不放行任何调用。",
};
