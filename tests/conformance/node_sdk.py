#!/usr/bin/env python3
"""Runs the official OpenAI Node SDK through Keywheel, with `keywheel mock` as the provider.

The SDK is installed below target/conformance; what it must do stands in node/sdk.test.mjs.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import HERE, ROOT, default_binary, keywheel, listening_url, once, run, running

BOOTSTRAP = """
[[provider]]
name = "simulated"
base_url = "{mock}/v1"
default = true
allow_private = true

[[key]]
provider = "simulated"
name = "one"
secret = "sk-mock-healthy-one"

[[key]]
provider = "simulated"
name = "two"
secret = "sk-mock-healthy-two"

[[key]]
provider = "simulated"
name = "broken"
secret = "sk-mock-500-three"

[[model]]
name = "assistant"
targets = [ {{ provider = "simulated", model = "mock-healthy" }} ]

[[client]]
name = "node"
token = "kw-conformance-node"
"""


def install():
    """The folder with the SDK and the tests."""
    files = [HERE / "node" / name for name in ("package.json", "package-lock.json")]
    folder, fresh, finish = once("node", *(file.read_text() for file in files))
    if not fresh:
        print(f"installing the Node SDK below {folder.relative_to(ROOT)}", flush=True)
        for file in files:
            shutil.copy(file, folder)
        run("npm", "ci", "--silent", "--no-audit", "--no-fund", cwd=folder)
        finish()
    shutil.copy(HERE / "node" / "sdk.test.mjs", folder)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, help="the keywheel binary [default: the one below target]")
    parser.add_argument("--direct", action="store_true", help="against the mock provider, without Keywheel")
    arguments = parser.parse_args()
    binary = (arguments.binary or default_binary()).resolve()
    folder = install()
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keywheel-conformance-")))
        command = [binary, "mock", "--listen", "127.0.0.1:0"]
        mock = listening_url(stack.enter_context(running(command, stdout=subprocess.PIPE, text=True)))
        token, url = "sk-mock-healthy-one", mock
        if not arguments.direct:
            token, url = "kw-conformance-node", stack.enter_context(keywheel(binary, BOOTSTRAP.format(mock=mock), scratch))
        environment = os.environ | {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": token}
        result = subprocess.run(["node", "--test", "sdk.test.mjs"], cwd=folder, env=environment, check=False)
    sys.exit(result.returncode)


if __name__ == "__main__":
    main()
