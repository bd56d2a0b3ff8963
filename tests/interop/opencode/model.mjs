// A model that asks both questions with the tools it is offered, and then repeats what it was told: an endpoint in the
// form of OpenAI's chat completions, so that opencode calls the tools as it does in a session.
import { createServer } from "node:http";
import { env } from "../driver.mjs";

const QUESTIONS = [
  ["resolve-library-id", { query: env.DOCENT_TEST_QUESTION, libraryName: env.DOCENT_TEST_NAME }],
  ["query-docs", { libraryId: env.DOCENT_TEST_LIBRARY, query: env.DOCENT_TEST_QUESTION }],
];

function answer({ tools = [], messages = [] }) {
  const answered = messages.filter((message) => message.role === "tool");
  const next = QUESTIONS[answered.length];
  const name = next && tools.map((tool) => tool.function.name).find((name) => name.endsWith(next[0]));
  if (!name) return { content: answered.map((message) => JSON.stringify(message.content)).join("\n") || "nothing" };
  const call = { index: 0, id: `call_${answered.length}`, type: "function", function: { name, arguments: JSON.stringify(next[1]) } };
  return { tool_calls: [call] };
}

/// Listens on a free port; resolves to the base URL.
export async function startModel() {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const delta = { role: "assistant", ...answer(JSON.parse(body || "{}")) };
    const send = (choice) =>
      response.write(`data: ${JSON.stringify({ id: "1", object: "chat.completion.chunk", created: 1, model: "stub", choices: [{ index: 0, ...choice }] })}\n\n`);
    response.writeHead(200, { "content-type": "text/event-stream" });
    send({ delta, finish_reason: null });
    send({ delta: {}, finish_reason: delta.tool_calls ? "tool_calls" : "stop" });
    response.end("data: [DONE]\n\n");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}/v1`;
}
