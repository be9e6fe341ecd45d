"""Starts llama-cpp-python's server on models of the test, and records what passes through on the way to it."""

import http.client
import http.server
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

START_WITHIN = 60.0
REPLY_WITHIN = 120.0


def free_port():
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(url, body=None):
    """Status and parsed body of a request; POST where there is something to say."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=REPLY_WITHIN) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


class Server:
    """The server with all models, each under the name of its kind; one is loaded at a time."""

    def __init__(self, folder, models):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        settings = [self.settings(kind, path) for kind, path in models.items()]
        config = folder / "server.json"
        config.write_text(json.dumps({"host": "127.0.0.1", "port": self.port, "models": settings}))
        command = [sys.executable, "-m", "llama_cpp.server", "--config_file", str(config)]
        self.process = subprocess.Popen(command, cwd=folder, stdout=self.log.open("w"), stderr=subprocess.STDOUT)

    @staticmethod
    def settings(kind, path):
        common = {"model": str(path), "model_alias": kind, "n_ctx": 8192, "n_threads": 2, "verbose": False}
        return common | ({"embedding": True} if kind == "embedding" else {"logits_all": True})

    def wait(self):
        """Returns once the server answers; ends the program with the end of its log when it does not."""
        end = time.monotonic() + START_WITHIN
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if ask(f"{self.url}/v1/models")[0] == 200:
                    return
            except OSError:
                time.sleep(0.2)
        tail = "".join(self.log.read_text().splitlines(keepends=True)[-20:])
        self.stop()
        sys.exit(f"error: the server did not start within {START_WITHIN:.0f} s; its log ends with\n{tail}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Recorder:
    """Passes requests on to a server unchanged and keeps them with their replies."""

    def __init__(self, target):
        self.seen = []
        lock = threading.Lock()
        recorder = self

        class Passing(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                onward = http.client.HTTPConnection("127.0.0.1", target, timeout=REPLY_WITHIN)
                headers = {"content-type": "application/json"} if body else {}
                onward.request(self.command, self.path, body or None, headers)
                reply = onward.getresponse()
                answer = reply.read()
                onward.close()
                if body:
                    with lock:
                        recorder.seen.append((self.path, json.loads(body), reply.status, json.loads(answer)))
                self.send_response(reply.status)
                self.send_header("content-type", reply.headers.get("content-type", "application/json"))
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = pass_on

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Passing)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
