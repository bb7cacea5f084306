#!/usr/bin/env python3
"""Asks every operation of the admin API for what nobody expects, as everybody who may ask: schemathesis reads the
OpenAPI document and makes up requests, good and bad ones. No answer may be a 5xx, or other than the document says.

The seed is fixed, so that every run asks the same. Everything is installed below target/conformance.

    tests/conformance/admin_api.py             many requests for each operation, and chains of them
    tests/conformance/admin_api.py --fast      one or two requests for each operation
    tests/conformance/admin_api.py --role owner --only list_calls
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from harness import HERE, ROOT, WORK, default_binary, keywheel, listening_url, once, run, running

ADMIN_TOKEN = "admin-token-for-conformance"
CLIENT_TOKEN = "kw-conformance-client"
ROLES = ("owner", "operator", "viewer", "nobody")
WRITERS = ("owner", "operator")
SEED = 20261125
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
)
# A feed that ends when its reader leaves.
ENDLESS = "watch_calls"

BOOTSTRAP = """
[[provider]]
name = "mock"
base_url = "{mock}/v1"
default = true
allow_private = true

[[key]]
provider = "mock"
name = "one"
secret = "sk-mock-healthy-conformance"
tags = ["paid"]

[[model]]
name = "fast"
targets = [ {{ provider = "mock", model = "gpt-4o-mini" }} ]

[[client]]
name = "suite"
token = "{client}"
"""


def install():
    """The schemathesis that is installed."""
    requirements = HERE / "requirements-admin-api.txt"
    folder, fresh, finish = once("admin-api", requirements.read_text(), sys.version)
    binaries = folder / "venv" / "bin"
    if not fresh:
        print(f"installing schemathesis below {folder.relative_to(ROOT)}", flush=True)
        run(sys.executable, "-m", "venv", folder / "venv")
        run(binaries / "python", "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "-r", requirements)
        finish()
    return binaries / "schemathesis"


def ask(url, method, path, token, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    request = urllib.request.Request(url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}")


def furnish(url):
    """Something of everything, so that there is something to find; the id of a call."""
    admin = lambda method, path, body=None: ask(url, method, path, ADMIN_TOKEN, body)
    admin("PATCH", "/api/settings", {"store_bodies": True})
    channel = admin("POST", "/api/alerts/channels", {"name": "hook", "kind": "webhook", "url": "http://127.0.0.1:9/"})
    admin("POST", "/api/alerts/rules", {"name": "keys", "kind": "key_disabled", "channels": [channel["id"]]})
    admin("PUT", "/api/scripts/files/route.rhai", {"text": "fn on_request(req) { req.tags.push(\"seen\"); }"})
    for name, role in (("anna", "owner"), ("bo", "operator")):
        admin("POST", "/api/users", {"name": name, "role": role})
    chat = admin("POST", "/api/chats", {"model": "fast"})
    admin("POST", f"/api/chats/{chat['id']}/messages", {"text": "Say hello", "models": ["fast"]})
    for content in ("Say hello", "Say more"):
        call = {"model": "fast", "messages": [{"role": "user", "content": content}]}
        ask(url, "POST", "/v1/chat/completions", CLIENT_TOKEN, call)
    return admin("GET", "/api/calls?limit=1")["calls"][0]["id"]


def document(url, scratch):
    """The document as schemathesis reads event streams: the committed one lists what the data of their events holds."""
    with urllib.request.urlopen(f"{url}/docs/openapi.json", timeout=30) as answer:
        whole = json.load(answer)
    for operation in (operation for path in whole["paths"].values() for operation in path.values()):
        for response in operation["responses"].values():
            stream = response.get("content", {}).get("text/event-stream")
            if stream:
                data = {"type": "string", "contentMediaType": "application/json", "contentSchema": stream.pop("schema")["items"]}
                stream["itemSchema"] = {"type": "object", "required": ["data"], "properties": {"data": data}}
    file = scratch / "openapi.json"
    file.write_text(json.dumps(whole))
    return file


def token_of(url, role):
    if role == "owner":
        # The one that no request can delete.
        return ADMIN_TOKEN
    return ask(url, "POST", "/api/tokens", ADMIN_TOKEN, {"name": f"{role} {os.urandom(4).hex()}", "role": role})["token"]


def run_role(schemathesis, url, file, role, call, mock, arguments, scratch):
    """Whether all answers were as the document says."""
    phases, examples = ["examples", "fuzzing", "coverage", "stateful"], 50
    if arguments.fast:
        # Whoever may do everything is asked most, and those who are mostly refused once for each operation.
        phases = ["examples", "fuzzing"] if role in WRITERS else ["fuzzing"]
        examples = 2 if role == "owner" else 1
    command = [
        schemathesis, "run", file, "--url", url, "--phases", ",".join(phases), "--max-examples", examples, "--seed", SEED,
        "--checks", ",".join(CHECKS), "--exclude-operation-id", ENDLESS, "--generation-database", "none",
        "--suppress-health-check", "all", "--warnings", "off", "--request-timeout", 60, "--continue-on-failure", "--no-color",
    ]
    if arguments.only:
        command += ["--include-operation-id", arguments.only]
    if role != "nobody":
        command += ["--header", f"Authorization: Bearer {token_of(url, role)}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KEYWHEEL_", "SCHEMATHESIS_"))}
    environment |= {
        "SCHEMATHESIS_HOOKS": "admin_api_hooks", "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1",
        "NO_PROXY": "127.0.0.1", "CONFORMANCE_CALL": call, "CONFORMANCE_MOCK": mock,
        # Tables of characters, which take seconds to make.
        "HYPOTHESIS_STORAGE_DIRECTORY": str(WORK / "admin-api" / "hypothesis"),
    }
    print(f"\n== as {role}", flush=True)
    return subprocess.run([str(part) for part in command], cwd=scratch, env=environment).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="one or two requests for each operation")
    parser.add_argument("--role", choices=ROLES, action="append", help="only this role")
    parser.add_argument("--only", metavar="ID", help="only the operation with this id")
    parser.add_argument("--binary", type=Path, help="the keywheel binary [default: the one below target]")
    arguments = parser.parse_args()
    schemathesis = install()
    binary = (arguments.binary or default_binary()).resolve()
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keywheel-conformance-")))
        provider = [binary, "mock", "--listen", "127.0.0.1:0"]
        mock = listening_url(stack.enter_context(running(provider, stdout=subprocess.PIPE, text=True)))
        bootstrap = BOOTSTRAP.format(mock=mock, client=CLIENT_TOKEN)
        url = stack.enter_context(keywheel(binary, bootstrap, scratch, {"KEYWHEEL_ADMIN_TOKEN": ADMIN_TOKEN}))
        call, file = furnish(url), document(url, scratch)
        roles = arguments.role or ROLES
        clean = [run_role(schemathesis, url, file, role, call, mock, arguments, scratch) for role in roles]
    faulty = [role for role, is_clean in zip(roles, clean) if not is_clean]
    print(f"admin API: asked as {', '.join(roles)}; " + (f"faults as {', '.join(faulty)}" if faulty else "no fault"))
    sys.exit(1 if faulty else 0)


if __name__ == "__main__":
    main()
