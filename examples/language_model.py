"""
A language model's answer, word by word.

Run ``python examples/language_model.py``, then open http://127.0.0.1:8000/ or run ``curl -N
'http://127.0.0.1:8000/answer?q=hello'``.

The model is a small imitation.  Set ``MODEL_URL`` (``.../v1/chat/completions``), ``MODEL_KEY`` and
``MODEL`` in the environment to use a real one.  When the reader leaves, the model stops.
"""

import json
import os

import treq
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from ssetwist import Event, SSETwistError, stream
from ssetwist.client import stream_events

PAGE = b"""<!DOCTYPE html><title>Ask</title><link rel=icon href=data:>
<meta name=viewport content="width=device-width"><meta name=color-scheme content="light dark">
<style>
  body { font: 1.1rem/1.6 system-ui; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }
  input { font: inherit; box-sizing: border-box; width: 100%; padding: .6rem 1rem }
</style>
<form><input name=q autofocus placeholder="Ask something"></form><p id=answer></p>
<script>
  const question = new URLSearchParams(location.search);
  document.forms[0].q.value = question.get("q");
  const source = question.get("q") ? new EventSource(`answer?${question}`) : null;
  if (source) source.onmessage = ({ data }) => answer.append(JSON.parse(data));
  addEventListener("pagehide", () => source?.close());  // otherwise it may stay open for a minute
</script>"""


class Answer(Resource):
    isLeaf = True

    def render_GET(self, request):
        question = request.args.get(b"q", [b""])[0].decode("utf-8", "replace")
        return stream(request, self.words(question))

    async def words(self, question):
        response = await treq.post(
            os.environ.get(
                "MODEL_URL", f"http://127.0.0.1:{port.getHost().port}/v1/chat/completions"
            ),
            headers={"Authorization": f"Bearer {os.environ.get('MODEL_KEY', 'none')}"},
            json={
                "model": os.environ.get("MODEL", "pretence"),
                "messages": [{"role": "user", "content": question}],
                "stream": True,
            },
            unbuffered=True,
        )
        try:
            async for event in stream_events(response):
                if event.data == "[DONE]":
                    break  # leaving the loop closes the connection
                for choice in event.json()["choices"]:
                    yield Event.with_json(choice["delta"].get("content") or "")
        except SSETwistError as problem:  # otherwise the browser would ask again for everything
            yield Event.with_json(f" ... sorry: {problem}")


class Pretence(Resource):
    isLeaf = True

    def render_POST(self, request):
        question = json.load(request.content)["messages"][-1]["content"]
        return stream(request, self.tokens(question), once=False, on_end=self.ended)

    async def tokens(self, question):
        for word in f"You said {question!r}. Why do you think so? ".split(" ") * 20:
            yield Event.with_json({"choices": [{"delta": {"content": word + " "}}]})
            await deferLater(reactor, 0.1)
        yield Event("[DONE]")

    def ended(self, reason):
        print("the model stops:", reason.value, flush=True)


root = Resource()
root.putChild(b"", Data(PAGE, "text/html; charset=utf-8"))
root.putChild(b"answer", Answer())
root.putChild(b"v1", Pretence())
port = reactor.listenTCP(8000, Site(root), interface="127.0.0.1")
reactor.run()
