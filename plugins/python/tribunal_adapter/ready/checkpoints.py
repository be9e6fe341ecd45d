"""Checkpoints: a folder or a repository id, who it is, and loading its model and tokenizer."""

from __future__ import annotations

import hashlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple

from tribunal_adapter.errors import SettingsError
from tribunal_adapter.ready.libraries import require, version_of, versions
from tribunal_adapter.values import Identity

_DECIDES = (".json", ".safetensors", ".bin", ".model", ".txt", ".jinja", ".py")
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

    def check(self) -> None:
        """Raises a `SettingsError` for what can be seen without loading."""
        require("torch", "transformers")
        if self.quantization:
            require("bitsandbytes")
        if self.device_map and self.device:
            raise SettingsError("device", "`device` and `device-map` exclude each other")
        if os.path.isdir(self.model):
            if not os.path.isfile(os.path.join(self.model, "config.json")):
                raise SettingsError(self.setting, f"the folder `{self.model}` holds no `config.json`")
            if self.revision:
                raise SettingsError("revision", "a folder has no revisions", "leave `revision` out")
        elif self.model.startswith((".", "/", "~")) or self.model.count("/") > 1:
            raise SettingsError(self.setting, f"there is no folder `{self.model}`")
        else:
            foreign = [name for name in self._remote_code() if "--" in name]
            if foreign:
                raise SettingsError("trust-remote-code", f"the code is in another repository (`{foreign[0]}`)", "download both")

    def config(self) -> Optional[Dict[str, Any]]:
        """The `config.json` where it is on disk already, `None` otherwise. Never contacts a server."""
        path = os.path.join(self.model, "config.json") if os.path.isdir(self.model) else self._cached("config.json")
        if not path or not os.path.isfile(path):
            return None
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        return config if isinstance(config, dict) else None

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
        code = self._code_digest()
        return f"{self.model}@{commit}" + (f"+code:{code}" if code else ""), "revision"

    def load_tokenizer(self) -> Any:
        """The tokenizer."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(  # type: ignore[no-untyped-call]
            self.model, revision=self.revision or "main", trust_remote_code=self.trust_remote_code
        )

    def load_model(self, model_class: Any) -> Any:
        """The model, in evaluation mode and on its device."""
        import torch

        options: Dict[str, Any] = {
            "revision": self.revision or "main",
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
        model = model_class.from_pretrained(self.model, **options)
        if "device_map" not in options:
            model = model.to(device)
        return model.eval()

    def _cached(self, file: str) -> Optional[str]:
        try:
            from huggingface_hub import try_to_load_from_cache
        except ImportError:
            return None
        found = try_to_load_from_cache(self.model, file, revision=self.revision or "main")
        return found if isinstance(found, str) else None

    def _commit(self) -> Optional[str]:
        if self.revision and _COMMIT.fullmatch(self.revision):
            return self.revision
        path = self._cached("config.json")
        if path is None:
            from huggingface_hub import hf_hub_download

            try:
                path = hf_hub_download(self.model, "config.json", revision=self.revision or "main")
            except Exception:  # offline, or no such repository: loading will say which
                return None
        match = re.search(r"snapshots[/\\]([0-9a-f]{40})", path)
        return match.group(1) if match else None

    def _remote_code(self) -> List[str]:
        config = self.config() if self.trust_remote_code else None
        names = (config or {}).get("auto_map") or {}
        return [str(name) for name in names.values()]

    def _code_digest(self) -> Optional[str]:
        # The commit pins the code as well; the digest says which code ran, in so far as it is on disk.
        if not self.trust_remote_code:
            return None
        path = self._cached("config.json")
        folder = os.path.dirname(path) if path else ""
        files = sorted(name for name in os.listdir(folder) if name.endswith(".py")) if folder else []
        return digest([os.path.join(folder, name) for name in files]) if files else None


def identity(kind: str, version: str, *checkpoints: Checkpoint, extra: str = "") -> Identity:
    """Who a source with these checkpoints is: weights or commits, our version, and the libraries that compute."""
    order = ("weights", "revision", "name")
    found = [checkpoint.fingerprint() for checkpoint in checkpoints]
    strength = max((strength for _, strength in found), key=order.index)
    parts = [text for text, _ in found] + [f"{kind} {version}", versions("torch", "transformers"), extra]
    return Identity(kind, "; ".join(part for part in parts if part), strength)


def folder_digest(folder: str) -> str:
    """A digest of the files of a folder that decide answers: configuration, tokenizer, weights, code."""
    names = [name for name in sorted(os.listdir(folder)) if name.endswith(_DECIDES)]
    if any(name.endswith(".safetensors") for name in names):
        names = [name for name in names if not name.endswith(".bin")]
    return digest([os.path.join(folder, name) for name in names])


def digest(files: List[str]) -> str:
    """A digest of files with their names, in the order given. Large files are read side by side."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = list(pool.map(_file_digest, files))
    lines = [f"{os.path.basename(path)} {one}\n" for path, one in zip(files, found)]
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def _file_digest(path: str) -> str:
    one = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 22), b""):
            one.update(block)
    return one.hexdigest()


def default_device() -> str:
    """A GPU where there is one, a different one for each replica, else the CPU."""
    import torch

    if torch.cuda.is_available():
        return f"cuda:{int(os.environ.get('TRIBUNAL_REPLICA', '0')) % torch.cuda.device_count()}"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"
