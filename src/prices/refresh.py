#!/usr/bin/env python3
"""Refreshes src/prices/prices.json from LiteLLM's price table (MIT, see NOTICE).

    python3 src/prices/refresh.py            # the newest litellm on PyPI
    python3 src/prices/refresh.py 1.110.2    # a given version

Downloads the `litellm` wheel with pip, takes `model_prices_and_context_window_backup.json` out of it and keeps the models
and members that Keywheel uses. Prices are dollars for a million tokens or characters, for one picture, for one second.
Needs only Python 3.10 or newer and pip; nothing of the wheel is executed. Look at the diff before you commit it.

The table is keyed by the name that a provider's own API takes. A maker's own price wins over a host's. Where hosts of an
open model disagree about its price, the model is left out: an unknown price is better than a wrong one.
"""

import datetime
import glob
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

TABLE = "litellm/model_prices_and_context_window_backup.json"

# Who makes the models that they serve; their names hold everywhere.
MAKERS = {
    "openai", "text-completion-openai", "anthropic", "gemini", "mistral", "codestral", "deepseek", "xai", "cohere", "cohere_chat",
    "moonshot", "zai", "dashscope", "minimax", "voyage", "jina_ai", "perplexity", "ai21", "elevenlabs", "deepgram",
}
# Who serves models of others.
HOSTS = {
    "groq", "together_ai", "fireworks_ai", "fireworks_ai-embedding-models", "deepinfra", "openrouter", "cerebras", "sambanova",
    "nebius", "novita", "hyperbolic", "nscale", "volcengine", "azure_ai",
}
MODES = {
    "chat", "completion", "responses", "embedding", "image_generation", "image_edit", "audio_transcription", "audio_speech",
    "moderation", "rerank", "realtime",
}
# Names in a path of size or quality (`1024-x-1024/dall-e-3`), which no request ever asks for, and fine-tunes' placeholders.
NOT_NAMES = re.compile(r"(^|/)(\d+-x-\d+|low|medium|high|standard|hd|auto|max-x-max|\d+-steps)/|^ft:")


def main():
    version = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as folder:
        wheel = download(version, folder)
        version = pathlib.Path(wheel).name.split("-")[1]
        table = json.loads(zipfile.ZipFile(wheel).read(TABLE))
    models = select(table)
    head = {"source": f"litellm {version}", "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat()}
    lines = [f" {json.dumps(name, ensure_ascii=False)}:{json.dumps(models[name], separators=(',', ':'))}" for name in sorted(models)]
    text = json.dumps(head)[:-1] + ', "models": {\n' + ",\n".join(lines) + "\n}}\n"
    path = pathlib.Path(__file__).with_name("prices.json")
    path.write_text(text, encoding="utf-8")
    print(f"{path}: {len(models)} models of {head['source']}, {len(text.encode()) // 1024} KiB")


def download(version, folder):
    package = f"litellm=={version}" if version else "litellm"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder, package]
    subprocess.run(command, check=True)
    return glob.glob(f"{folder}/litellm-*.whl")[0]


def select(table):
    by_makers, by_hosts = {}, {}
    for key, entry in table.items():
        provider = entry.get("litellm_provider")
        if entry.get("mode") not in MODES or NOT_NAMES.search(key):
            continue
        model = read(entry)
        if not model or provider not in MAKERS | HOSTS or is_doubtful(key, entry, model):
            continue
        name = key.split("/", 1)[1] if key.startswith(f"{provider.removesuffix('-embedding-models')}/") else key
        if provider in MAKERS and "/" not in name:
            other = by_makers.get(name)
            if other is None or key == name:
                by_makers[name] = model
            if other is not None and price(other) != price(model):
                print(f"note: {name} has two prices: {price(other)}, {price(model)}; kept {price(by_makers[name])}")
        else:
            by_hosts.setdefault(name, []).append(model)
    made = {bare(name) for name in by_makers}
    for name, offers in by_hosts.items():
        agreed = all(price(offer) == price(offers[0]) for offer in offers)
        if agreed and bare(name) not in made:
            by_makers[name] = offers[0]
    return by_makers


def is_doubtful(key, entry, model):
    """The table writes zero also where it does not know; only moderation and explicitly free models are believed."""
    is_zero = not any(value for value in price(model).values() if not isinstance(value, dict))
    return is_zero and entry["mode"] != "moderation" and not key.endswith(":free")


def bare(name):
    return name.rsplit("/", 1)[-1]


def price(model):
    return {name: value for name, value in model.items() if name not in ("context", "vision", "tools")}


def dollars(value):
    value = round(value, 9)
    return int(value) if value == int(value) else value


def read(entry):
    """The members that Keywheel uses; empty when there is no price at all."""
    model = {}

    def put(name, factor, *members):
        for member in members:
            value = entry.get(member)
            if isinstance(value, (int, float)):
                model[name] = dollars(value * factor)
                return

    million = 1_000_000
    put("input", million, "input_cost_per_token")
    put("cached_read", million, "cache_read_input_token_cost", "input_cost_per_token_cache_hit")
    put("cache_write", million, "cache_creation_input_token_cost")
    put("output", million, "output_cost_per_token")
    put("audio_input", million, "input_cost_per_audio_token")
    put("audio_output", million, "output_cost_per_audio_token")
    put("image_input", million, "input_cost_per_image_token")
    put("image_output", million, "output_cost_per_image_token")
    if entry["mode"] in ("image_generation", "image_edit"):
        put("per_picture", 1, "output_cost_per_image", "input_cost_per_image")
    if entry["mode"].startswith("audio"):
        seconds = [entry.get(member) for member in ("input_cost_per_second", "output_cost_per_second")]
        if any(seconds):
            model["per_second"] = dollars(max(filter(None, seconds)))
        put("per_character", million, "input_cost_per_character")
    long_context = read_long_context(entry, million)
    if model and long_context:
        model["long_context"] = long_context
    if not model:
        return None
    context = entry.get("max_input_tokens") or entry.get("max_tokens")
    if isinstance(context, (int, float)):
        model["context"] = int(context)
    for name, member in (("vision", "supports_vision"), ("tools", "supports_function_calling")):
        if isinstance(entry.get(member), bool):
            model[name] = entry[member]
    return model


def read_long_context(entry, million):
    """The lowest threshold above which a whole call costs more, and what it costs then."""
    found = {}
    members = {
        "input": "input_cost_per_token", "cached_read": "cache_read_input_token_cost",
        "cache_write": "cache_creation_input_token_cost", "output": "output_cost_per_token",
    }
    for name, member in members.items():
        for key, value in entry.items():
            match = re.fullmatch(member + r"_above_(\d+)k_tokens", key)
            if match and isinstance(value, (int, float)):
                found.setdefault(int(match[1]) * 1000, {})[name] = dollars(value * million)
    if not found:
        return None
    above = min(found)
    return {"above": above, **found[above]}


if __name__ == "__main__":
    main()
