"""What the conformance runs share: installing below target/conformance, and starting servers on free ports."""

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "conformance"


def run(*command, **options):
    subprocess.run([str(part) for part in command], check=True, **options)


def once(name, *ingredients):
    """A folder below target/conformance that is made anew when its ingredients change."""
    folder, stamp = WORK / name, WORK / f"{name}.stamp"
    digest = hashlib.sha256("\0".join([str(folder), *ingredients]).encode()).hexdigest()
    fresh = stamp.exists() and stamp.read_text() == digest
    if not fresh:
        stamp.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    return folder, fresh, lambda: stamp.write_text(digest)


@contextlib.contextmanager
def running(command, **options):
    process = subprocess.Popen([str(part) for part in command], **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, process, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"the process behind {url} ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} did not answer within {seconds} s")


def listening_url(process):
    """The address that a keywheel command prints when it listens."""
    for line in process.stdout:
        if line.startswith("listening on "):
            # Nobody needs what it prints later, but a full pipe would stop it.
            threading.Thread(target=lambda: [None for _ in process.stdout], daemon=True).start()
            return line.removeprefix("listening on ").strip()
    sys.exit(f"keywheel ended with {process.wait()} before it listened")


@contextlib.contextmanager
def keywheel(binary, bootstrap, scratch, settings={}):
    """Serves with a bootstrap file's text, further variables and fresh data; gives the address."""
    file = scratch / "bootstrap.toml"
    file.write_text(bootstrap)
    command = [binary, "serve", "--listen", "127.0.0.1:0", "--data", scratch / "data", "--scripts", scratch / "scripts",
               "--bootstrap", file]
    environment = {"PATH": os.environ.get("PATH", ""), "KEYWHEEL_LOG": "warn", **settings}
    with running(command, stdout=subprocess.PIPE, env=environment, cwd=scratch, text=True) as process:
        url = listening_url(process)
        wait_for(f"{url}/readyz", process)
        yield url


def default_binary():
    for profile in ("dist", "release", "debug"):
        binary = ROOT / "target" / profile / "keywheel"
        if binary.exists():
            return binary
    sys.exit("no keywheel binary below target: run `cargo build` first, or give one with --binary")
