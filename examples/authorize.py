"""
An application that decides for a hub about the rights of its visitors, with Klein.

Run ``pip install klein`` and ``python examples/authorize.py``.  Start the hub with ``twistd -n
ssetwist --authorize-url http://127.0.0.1:8000/authorize``.  Log in with ``curl -c ann
http://127.0.0.1:8000/login/ann``, and subscribe with ``curl -N -b ann
'http://127.0.0.1:8080/.well-known/mercure?match=*'``.  A request that publishes with a cookie must
name its page, as browsers do: ``curl -b ann -H 'Origin: http://127.0.0.1:8080' -d topic=/news -d
data=hello http://127.0.0.1:8080/.well-known/mercure``.
"""

import json
import secrets

from klein import Klein
from twisted.internet import reactor
from twisted.web.server import Site

app = Klein()
sessions = {}  # names of users, by cookie


@app.route("/login/<name>")  # a real application would ask for a password
def login(request, name):
    session = secrets.token_urlsafe()
    sessions[session.encode()] = name
    request.addCookie("session", session, path="/", httpOnly=True, sameSite="lax")
    return f"hello {name}\n"


@app.route("/authorize")
def authorize(request):
    name = sessions.get(request.getCookie(b"session"))
    if name is None:
        request.setResponseCode(401)
        return b""
    request.setHeader("Content-Type", "application/json")
    mine = f"/users/{name}"
    rights = {"topics": [mine, "/news"], "subscribe": [mine], "identity": name}
    return json.dumps(rights | {"publish": ["*"] if name == "ann" else []})


reactor.listenTCP(8000, Site(app.resource()), interface="127.0.0.1")
reactor.run()
