// The official Node SDK, unchanged: what an application does with it must work through Keywheel.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI, { toFile } from "openai";

const openai = new OpenAI({ maxRetries: 0 });
const model = "mock-healthy";
const messages = [{ role: "user", content: "Say hello, 你好, 👋." }];
const weather = {
  name: "get_weather",
  description: "The weather somewhere",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

test("a chat answers with text and usage", async () => {
  const answer = await openai.chat.completions.create({ model, messages });
  assert.equal(answer.object, "chat.completion");
  assert.ok(answer.choices[0].message.content.length > 0);
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test("every answer bears a request id", async () => {
  const { data, response, request_id } = await openai.chat.completions.create({ model, messages }).withResponse();
  assert.ok(data.id);
  assert.equal(response.status, 200);
  assert.match(request_id, /^[0-9a-z_-]{8,}$/i);
});

test("a streamed chat is the same text in pieces", async () => {
  const stream = await openai.chat.completions.create({ model, messages, stream: true });
  let text = "";
  let chunks = 0;
  let finish = null;
  for await (const chunk of stream) {
    assert.equal(chunk.usage ?? null, null, "usage was not asked for");
    chunks += 1;
    text += chunk.choices[0]?.delta?.content ?? "";
    finish = chunk.choices[0]?.finish_reason ?? finish;
  }
  assert.ok(chunks > 2 && text.length > 0, `${chunks} chunks`);
  assert.equal(finish, "stop");
});

test("a streamed chat ends with usage when it is asked for", async () => {
  const options = { model, messages, stream: true, stream_options: { include_usage: true } };
  let usage = null;
  for await (const chunk of await openai.chat.completions.create(options)) {
    usage = chunk.usage ?? usage;
  }
  assert.ok(usage.completion_tokens > 0);
});

test("a stream can be left early", async () => {
  const stream = await openai.chat.completions.create({ model, messages, stream: true });
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    break;
  }
  const after = await openai.chat.completions.create({ model, messages });
  assert.ok(after.choices[0].message.content);
});

test("a tool is called, streamed or not, and its result answered", async () => {
  const tools = [{ type: "function", function: weather }];
  const asked = await openai.chat.completions.create({ model, messages, tools });
  const call = asked.choices[0].message.tool_calls[0];
  assert.equal(call.function.name, "get_weather");
  assert.equal(typeof JSON.parse(call.function.arguments), "object");
  const streamed = openai.chat.completions.stream({ model, messages, tools });
  const final = await streamed.finalChatCompletion();
  assert.equal(final.choices[0].message.tool_calls[0].function.name, "get_weather");
  const result = { role: "tool", tool_call_id: call.id, content: "rain" };
  const answer = await openai.chat.completions.create({ model, tools, messages: [...messages, asked.choices[0].message, result] });
  assert.ok(answer.choices[0].message.content.length > 0);
});

test("a response is created, streamed, read again, continued and deleted", async () => {
  const created = await openai.responses.create({ model, input: "hello" });
  assert.equal(created.status, "completed");
  assert.ok(created.output_text.length > 0);
  assert.equal((await openai.responses.retrieve(created.id)).id, created.id);
  const next = await openai.responses.create({ model, input: "and then?", previous_response_id: created.id });
  assert.ok(next.output_text.length > 0);
  const items = await openai.responses.inputItems.list(created.id);
  assert.ok(items.data.length > 0);
  const types = [];
  for await (const event of await openai.responses.create({ model, input: "hello", stream: true })) {
    types.push(event.type);
  }
  assert.equal(types[0], "response.created");
  assert.ok(types.includes("response.output_text.delta"));
  assert.equal(types.at(-1), "response.completed");
  await openai.responses.delete(created.id);
  await assert.rejects(openai.responses.retrieve(created.id), (error) => error.status === 404);
});

test("embeddings come as floats in the order of their inputs", async () => {
  const answer = await openai.embeddings.create({ model: "mock-healthy-embedding", input: ["one", "two"] });
  assert.deepEqual(answer.data.map((item) => item.index), [0, 1]);
  assert.ok(answer.data.every((item) => item.embedding.length > 0 && item.embedding.every(Number.isFinite)));
  assert.ok(answer.usage.total_tokens > 0);
});

test("a file belongs to the account that took it, however often it is asked for", async () => {
  const content = '{"custom_id":"1"}\n'.repeat(50);
  const files = await Promise.all(
    ["a", "b", "c", "d"].map(async (name) => {
      const file = await toFile(Buffer.from(content), `${name}.jsonl`);
      return openai.files.create({ file, purpose: "batch" });
    }),
  );
  for (const file of files) {
    for (let round = 0; round < 3; round += 1) {
      assert.equal((await openai.files.retrieve(file.id)).bytes, content.length);
    }
    assert.equal(await (await openai.files.content(file.id)).text(), content);
    const batch = await openai.batches.create({
      input_file_id: file.id,
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
    });
    assert.equal((await openai.batches.retrieve(batch.id)).input_file_id, file.id);
    assert.ok((await openai.files.delete(file.id)).deleted);
  }
});

test("sound goes up and comes down", async () => {
  const speech = await openai.audio.speech.create({ model: "mock-healthy-tts", voice: "alloy", input: "hello there" });
  const sound = Buffer.from(await speech.arrayBuffer());
  assert.ok(sound.length > 1000);
  const file = await toFile(sound, "hello.mp3", { type: "audio/mpeg" });
  const heard = await openai.audio.transcriptions.create({ model: "mock-healthy-whisper", file });
  assert.ok(heard.text.length > 0);
});

test("models are listed and read", async () => {
  const names = [];
  for await (const entry of openai.models.list()) {
    names.push(entry.id);
  }
  assert.ok(names.length > 0);
  for (const name of names.slice(0, 3)) {
    assert.equal((await openai.models.retrieve(name)).id, name);
  }
});

test("errors are the classes that applications catch", async () => {
  const stranger = new OpenAI({ apiKey: "sk-mock-invalid-stranger", maxRetries: 0 });
  await assert.rejects(stranger.chat.completions.create({ model, messages }), OpenAI.AuthenticationError);
  await assert.rejects(openai.chat.completions.create({ model }), OpenAI.BadRequestError);
});
