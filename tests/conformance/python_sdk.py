#!/usr/bin/env python3
"""Runs the test suite of the official OpenAI Python SDK through Keywheel.

The suite's own mock provider (steady, an npm package) answers behind Keywheel and refuses any request that was altered
on its way. Everything is installed below target/conformance; nothing else of the machine is touched.

    tests/conformance/python_sdk.py            the whole suite
    tests/conformance/python_sdk.py --fast     the endpoints that applications use most
    tests/conformance/python_sdk.py --direct   against the mock provider itself, to tell whose fault a failure is
"""

import argparse
import contextlib
import gzip
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import HERE, ROOT, default_binary, free_port, keywheel, once, run, running, wait_for

SDK = "openai==3.3.1"
STEADY = "@stdy/cli@0.22.1"
DESCRIPTION = "openapi-3.3.1.yml"

FAST = [
    "audio", "chat", "responses", "test_batches.py", "test_completions.py", "test_embeddings.py", "test_files.py",
    "test_images.py", "test_models.py", "test_moderations.py",
]
# What the suite gives against the mock provider itself. Fewer tests than these are a failure, too.
EXPECTED_ALL = (6247, 24)
EXPECTED_FAST = (703, 7)

BOOTSTRAP = """
[[provider]]
name = "steady"
base_url = "{steady}"
exact_base_url = true
auth = "bearer"
default = true
allow_private = true
attempts = 1

[[key]]
provider = "steady"
name = "only"
secret = "sk-conformance-0123456789"

[[client]]
name = "suite"
token = "My API Key"

[[client]]
name = "suite-admin"
token = "My Admin API Key"
"""


def install_suite():
    """The suite's folder and the Python that runs it."""
    build = (HERE / "requirements-build.txt").read_text()
    pinned = (HERE / "requirements.txt").read_text()
    folder, fresh, finish = once("python", SDK, build, pinned, sys.version)
    python = folder / "venv" / "bin" / "python"
    if not fresh:
        print(f"installing {SDK} and what its tests need below {folder.relative_to(ROOT)}", flush=True)
        run(sys.executable, "-m", "venv", folder / "venv")
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        run(*pip, "install", "-r", HERE / "requirements-build.txt", "-r", HERE / "requirements.txt")
        download = ["--no-binary", ":all:", "--no-deps", "--no-build-isolation"]
        run(*pip, "download", *download, "--dest", folder, SDK)
        (archive,) = folder.glob("openai-*.tar.gz")
        run("tar", "-xzf", archive, "-C", folder)
        (source,) = folder.glob("openai-*/")
        run(*pip, "install", "--no-build-isolation", "--no-deps", source)
        finish()
    (source,) = folder.glob("openai-*/")
    return source, python


def install_steady():
    folder, fresh, finish = once("steady", STEADY)
    if not fresh:
        print(f"installing {STEADY} below {folder.relative_to(ROOT)}", flush=True)
        (folder / "package.json").write_text('{"private": true}\n')
        run("npm", "install", "--silent", "--no-audit", "--no-fund", STEADY, cwd=folder)
        finish()
    return folder / "node_modules" / ".bin" / "steady"


@contextlib.contextmanager
def steady(binary, scratch):
    description = scratch / DESCRIPTION
    description.write_bytes(gzip.decompress((HERE / f"{DESCRIPTION}.gz").read_bytes()))
    port = free_port()
    brackets = [f"--validator-{part}-format=brackets" for part in ("query-array", "form-array", "query-object", "form-object")]
    with open(scratch / "steady.log", "wb") as log:
        with running([binary, "--host", "127.0.0.1", "-p", port, *brackets, description], stdout=log, stderr=log) as process:
            wait_for(f"http://127.0.0.1:{port}/_x-steady/health", process)
            yield f"http://127.0.0.1:{port}"


def run_suite(source, python, url, fast):
    """Runs pytest; how many passed and were skipped, and whether none failed."""
    tests = [f"tests/api_resources/{name}" for name in FAST] if fast else ["tests/api_resources"]
    command = [python, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *tests]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "KEYWHEEL_"))}
    environment |= {"TEST_API_BASE_URL": url, "NO_PROXY": "127.0.0.1", "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen([str(part) for part in command], cwd=source, env=environment, stdout=subprocess.PIPE, text=True)
    last = ""
    for line in process.stdout:
        sys.stdout.write(line)
        last = line if line.strip() else last
    sys.stdout.flush()
    count = lambda word: int((re.search(rf"(\d+) {word}", last) or [0, 0])[1])
    return (count("passed"), count("skipped")), process.wait() == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="only the endpoints that applications use most")
    parser.add_argument("--direct", action="store_true", help="against the mock provider, without Keywheel")
    parser.add_argument("--binary", type=Path, help="the keywheel binary [default: the one below target]")
    arguments = parser.parse_args()
    source, python = install_suite()
    mock = install_steady()
    expected = EXPECTED_FAST if arguments.fast else EXPECTED_ALL
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keywheel-conformance-")))
        url = stack.enter_context(steady(mock, scratch))
        if not arguments.direct:
            binary = (arguments.binary or default_binary()).resolve()
            url = stack.enter_context(keywheel(binary, BOOTSTRAP.format(steady=url), scratch)) + "/v1"
        counts, clean = run_suite(source, python, url, arguments.fast)
    print(f"official Python SDK: {counts[0]} passed, {counts[1]} skipped; expected {expected[0]} and {expected[1]}")
    sys.exit(0 if clean and counts == expected else 1)


if __name__ == "__main__":
    main()
