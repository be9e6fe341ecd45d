"""Checkpoints: a folder or a repository id, who it is, and loading its model and tokenizer."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Optional, Tuple

from tribunal_adapter.errors import Broken, SettingsError
from tribunal_adapter.instances import log
from tribunal_adapter.ready.libraries import require, version_of, versions
from tribunal_adapter.ready.passes import stop_if_cancelled
from tribunal_adapter.values import Identity

_DECIDES = (".json", ".safetensors", ".bin", ".model", ".txt", ".jinja", ".py")
_DECIDES_BELOW = (".jinja", ".py")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass
class Checkpoint:
    """Where a model comes from and how it is loaded. Making one loads nothing."""

    model: str
    setting: str = "model"
    revision: Optional[str] = None
    trust_remote_code: bool = False
    dtype: str = "auto"
    attn_implementation: Optional[str] = None
    device_map: Optional[str] = None
    device: Optional[str] = None
    quantization: Optional[str] = None
    _pinned: Optional[str] = field(default=None, repr=False)

    def check(self) -> None:
        """Raises a `SettingsError` for what can be seen without loading."""
        require("torch", "transformers")
        if self.quantization:
            require("bitsandbytes")
        if self.device_map or self.quantization:
            require("accelerate")
        if self.device_map and self.device:
            raise SettingsError("device", "`device` and `device-map` exclude each other")
        if os.path.isdir(self.model):
            if os.path.isfile(os.path.join(self.model, "adapter_config.json")):
                message = f"the folder `{self.model}` holds a LoRA adapter, whose base model would not be part of the identity"
                raise SettingsError(self.setting, message, "merge it into its base model and save that")
            if not os.path.isfile(os.path.join(self.model, "config.json")):
                raise SettingsError(self.setting, f"the folder `{self.model}` holds no `config.json`")
            if self.revision:
                raise SettingsError("revision", "a folder has no revisions", "leave `revision` out")
        elif self.model.startswith((".", "/", "~")) or self.model.count("/") > 1:
            raise SettingsError(self.setting, f"there is no folder `{self.model}`")
        self._refuse_foreign_code()

    def config(self) -> Optional[Dict[str, Any]]:
        """The `config.json` where it is on disk already, `None` otherwise. Never contacts a server."""
        return self._json("config.json")

    def labels(self) -> Optional[List[str]]:
        """The names of the outputs, where the configuration is on disk."""
        config = self.config()
        if config is None or not config.get("id2label"):
            return None
        return [str(name) for _, name in sorted(config["id2label"].items(), key=lambda pair: int(pair[0]))]

    def fingerprint(self) -> Tuple[str, str]:
        """Digest and strength: of all files of a folder (`weights`), or the commit of a repository (`revision`)."""
        if os.path.isdir(self.model):
            return folder_digest(self.model), "weights"
        commit = self._commit()
        if commit is None:
            return f"{self.model}@{self.revision or 'main'}", "name"
        code = self._code_digest(commit)
        return f"{self.model}@{commit}" + (f"+code:{code}" if code else ""), "revision"

    def load_tokenizer(self) -> Any:
        """The tokenizer."""
        from transformers import AutoTokenizer

        revision = self._version()
        self._refuse_foreign_code()
        return AutoTokenizer.from_pretrained(  # type: ignore[no-untyped-call]
            self.model, revision=revision, trust_remote_code=self.trust_remote_code
        )

    def load_model(self, model_class: Any) -> Any:
        """The model, in evaluation mode and on its device. A function in place of a class is called as its `from_pretrained` would be."""
        import torch

        options: Dict[str, Any] = {
            "revision": self._version(),
            "trust_remote_code": self.trust_remote_code,
            ("dtype" if version_of("transformers") >= (4, 56) else "torch_dtype"): (
                "auto" if self.dtype == "auto" else getattr(torch, self.dtype)
            ),
        }
        if self.attn_implementation:
            options["attn_implementation"] = self.attn_implementation
        if self.quantization:
            from transformers import BitsAndBytesConfig

            options["quantization_config"] = BitsAndBytesConfig(**{f"load_in_{self.quantization}": True})  # type: ignore[no-untyped-call]
        device = self.device or default_device()
        if self.device_map or self.quantization:
            options["device_map"] = self.device_map or {"": device}
        self._refuse_foreign_code()
        if getattr(model_class, "__module__", "").startswith("transformers."):
            model, told = model_class.from_pretrained(self.model, output_loading_info=True, **options)
            refuse_random_weights(model, told["missing_keys"])
        else:
            model = getattr(model_class, "from_pretrained", model_class)(self.model, **options)
        if "device_map" not in options:
            model = model.to(device)
        if device.startswith("cuda"):
            torch.cuda.set_device(device)  # code of models and pipelines says `cuda` and means this one
        return model.eval()

    def _json(self, name: str) -> Optional[Dict[str, Any]]:
        path = os.path.join(self.model, name) if os.path.isdir(self.model) else self._cached(name)
        if not path or not os.path.isfile(path):
            return None
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
        return value if isinstance(value, dict) else None

    def _cached(self, file: str) -> Optional[str]:
        try:
            from huggingface_hub import try_to_load_from_cache
        except ImportError:
            return None
        found = try_to_load_from_cache(self.model, file, revision=self._pinned or self.revision or "main")
        return found if isinstance(found, str) else None

    def _commit(self) -> Optional[str]:
        # Looked up once: what is loaded is what the identity names, also when the branch moves in between.
        if self._pinned is None and self.revision and _COMMIT.fullmatch(self.revision):
            self._pinned = self.revision
        if self._pinned is None:
            from huggingface_hub import hf_hub_download

            try:
                path = hf_hub_download(self.model, "config.json", revision=self.revision or "main")
            except Exception:  # offline and not in the cache, or no such repository: loading will say which
                return None
            match = re.search(r"snapshots[/\\]([0-9a-f]{40})", path)
            self._pinned = match.group(1) if match else None
        return self._pinned

    def _version(self) -> str:
        return (None if os.path.isdir(self.model) else self._commit()) or self.revision or "main"

    def _refuse_foreign_code(self) -> None:
        # It would be taken from the newest commit of that repository, which no identity names.
        if not self.trust_remote_code:
            return
        maps = [(self._json(name) or {}).get("auto_map") or {} for name in ("config.json", "tokenizer_config.json")]
        names = [name for each in maps for value in each.values() for name in (value if isinstance(value, list) else [value])]
        foreign = next((name for name in names if name and "--" in name), None)
        if foreign:
            message = f"the code is in another repository (`{foreign}`)"
            raise SettingsError("trust-remote-code", message, "put its files into the model's folder and strike `...--` from `auto_map`")

    def _code_digest(self, commit: str) -> Optional[str]:
        # The commit pins the code as well; the digest says which code ran.
        if not self.trust_remote_code:
            return None
        from huggingface_hub import snapshot_download

        try:
            folder = snapshot_download(self.model, revision=commit, allow_patterns=["*.py"])
        except Exception:  # offline, and nothing is in the cache: loading will say so
            return None
        files = [name for name in below(folder) if name.endswith(".py")]
        return digest(files, folder) if files else None


def identity(kind: str, version: str, *checkpoints: Checkpoint, extra: str = "") -> Identity:
    """Who a source with these checkpoints is: weights or commits, our version, and the libraries that compute."""
    order = ("weights", "revision", "name")
    found = [checkpoint.fingerprint() for checkpoint in checkpoints]
    strength = max((strength for _, strength in found), key=order.index)
    packages = ["torch", "transformers"] + ["bitsandbytes"] * any(checkpoint.quantization for checkpoint in checkpoints)
    parts = [text for text, _ in found] + [f"{kind} {version}", versions(*packages), extra]
    return Identity(kind, "; ".join(part for part in parts if part), strength)


def folder_digest(folder: str) -> str:
    """A digest of the files of a folder that decide answers: configuration, tokenizer, weights, and code and templates also below it."""
    names = [name for name in below(folder) if name.endswith(_DECIDES if os.sep not in name else _DECIDES_BELOW)]
    if any(name.endswith(".safetensors") for name in names):
        names = [name for name in names if not name.endswith(".bin")]
    return digest(names, folder)


def below(folder: str) -> List[str]:
    """The files in a folder and its folders, by path from there, in order."""
    return sorted(os.path.relpath(os.path.join(place, name), folder) for place, _, names in os.walk(folder) for name in names)


def digest(files: Iterable[Any], folder: str = "") -> str:
    """A digest of files with their names, in the order given. Large files are read side by side, and only once.

    When the request is cancelled reading goes on, and the next one finds what is done.
    """
    files = [str(file) for file in files]
    pending = [_reading(os.path.join(folder, file)) for file in files]
    while wait(pending, timeout=0.1).not_done:
        stop_if_cancelled()
    lines = [f"{file if folder else os.path.basename(file)} {one.result()}\n" for file, one in zip(files, pending)]
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


_read: Dict[Tuple[str, int, int], Future[str]] = {}
_readers = ThreadPoolExecutor(max_workers=8)
_reading_lock = threading.Lock()


def _reading(path: str) -> Future[str]:
    found = os.stat(path)
    key = (os.path.realpath(path), found.st_size, found.st_mtime_ns)
    with _reading_lock:
        if key not in _read or (_read[key].done() and _read[key].exception()):
            _read[key] = _readers.submit(_file_digest, path)
        return _read[key]


def _file_digest(path: str) -> str:
    one = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 22), b""):
            one.update(block)
    return one.hexdigest()


def refuse_random_weights(model: Any, missing: Iterable[str]) -> None:
    """Raises when the checkpoint lacks the head, which the library then fills with random numbers and only warns of."""
    body = getattr(model, "base_model_prefix", "") + "."
    missing = sorted(missing)
    head = [name for name in missing if not name.startswith(body)]
    if head:
        raise Broken(f"the checkpoint lacks the weights of its head, and scores would be random: {', '.join(head[:5])}")
    if missing:
        log(f"tribunal_adapter.ready: the checkpoint lacks {len(missing)} weights, which are random now: {', '.join(missing[:5])}")


def default_device() -> str:
    """A GPU where there is one, a different one for each replica, else the CPU."""
    import torch

    if torch.cuda.is_available():
        return f"cuda:{int(os.environ.get('TRIBUNAL_REPLICA', '0')) % torch.cuda.device_count()}"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"
