"""A headless Chromium with no way out of this machine, driven over its DevTools protocol."""

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-breakpad",
    "--disable-quic",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--remote-debugging-port=0",
    # Every name and every address but the loopback one is unknown to this browser.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--no-proxy-server",
)
_WINDOW = {"width": 1280, "height": 800}  # pixels
_MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}
_KEYS = {  # a key's code, its number, and the text that it types
    "a": ("KeyA", 65, ""),
    "Backspace": ("Backspace", 8, ""),
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    " ": ("Space", 32, ""),
}


def find_chromium() -> str | None:
    """The browser's path, where there is one."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


class PageError(Exception):
    """The page, or the browser, did not do what it was asked."""


class Chromium:
    """One browser with one tab, in a profile of its own.

    requests: the URL of every request of the tab and its workers, WebSockets too
    console: what the tab said was wrong: errors, warnings and dialogs
    downloads: what was saved, by the browser's own id: the file's name and how far it has come
    """

    def __init__(self, executable: str, deadline: float = 30.0) -> None:
        self.requests: list[str] = []
        self.console: list[str] = []
        self.downloads: dict[str, tuple[str, str]] = {}
        self._executable = executable
        self._deadline = deadline
        self._context: str | None = None
        self._answers: dict[int, Future[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._last = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            profile = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
            )
            self._process = subprocess.Popen(
                [self._executable, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(self._end_process)
            self._socket = stack.enter_context(self._connect(Path(profile)))
            reader = threading.Thread(target=self._read, name="chromium", daemon=True)
            reader.start()
            stack.callback(reader.join, self._deadline)
            stack.callback(self._ask_to_end)
            self.start_afresh()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _ask_to_end(self) -> None:
        with suppress(ConnectionClosed):
            self._send("Browser.close", {}, None)

    def _end_process(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    # The tab

    def start_afresh(self) -> None:
        """Another tab in place of this one, with nothing kept of any page.

        Emptying the storage of an origin would not do: a page that has been left can still write.
        """
        left = self._context
        self._context = self._command("Target.createBrowserContext", {})["browserContextId"]
        self._session = self._open_tab()
        if left is not None:
            self._command("Target.disposeBrowserContext", {"browserContextId": left})
        self.requests.clear()
        self.console.clear()
        self.downloads.clear()

    def navigate(self, url: str) -> None:
        """Open an address and wait until its document has loaded."""
        answer = self._call("Page.navigate", {"url": url})
        if "errorText" in answer:
            raise PageError(f"{url}: {answer['errorText']}")
        self.wait_for(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """What the expression (or the promise it makes) comes to in the page."""
        answer = self._call(
            "Runtime.evaluate",
            {"expression": expression, "returnByValue": True, "awaitPromise": True},
        )
        if "exceptionDetails" in answer:
            raise PageError(f"{expression}: {_exception(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    def wait_for(self, expression: str, timeout: float | None = None) -> Any:
        """The first value of the expression that is true in the page."""
        give_up = time.monotonic() + (self._deadline if timeout is None else timeout)
        while True:
            problem = ""
            try:
                if value := self.evaluate(expression):
                    return value
            except PageError as error:  # such as a document that is being replaced
                problem = f" ({error})"
            if time.monotonic() > give_up:
                shown = self.evaluate("document.body?.innerText ?? ''")
                raise TimeoutError(
                    f"never true: {expression}{problem}\nconsole: {self.console}\npage: {shown}"
                )
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """Click on the middle of an element, as a mouse does, once it is there."""
        x, y = self.wait_for(
            f"""(() => {{
                const box = document.querySelector({json.dumps(selector)})?.getBoundingClientRect();
                return box?.width && [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )
        at = {"x": x, "y": y, "button": "left", "clickCount": 1}
        self._call("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y})
        self._call("Input.dispatchMouseEvent", {"type": "mousePressed", **at})
        self._call("Input.dispatchMouseEvent", {"type": "mouseReleased", **at})

    def press(self, keys: str) -> None:
        """Press one key, with the keys to hold down before it: ``Control+a``."""
        *held, key = keys.split("+")
        code, number, text = _KEYS[key]
        event = {
            "key": key,
            "code": code,
            "windowsVirtualKeyCode": number,
            "modifiers": sum(_MODIFIERS[name] for name in held),
        }
        down = {"type": "keyDown", "text": text} if text and not held else {"type": "rawKeyDown"}
        self._call("Input.dispatchKeyEvent", {**event, **down})
        self._call("Input.dispatchKeyEvent", {**event, "type": "keyUp"})

    def write(self, text: str) -> None:
        """Put text in where the cursor is, in one piece."""
        self._call("Input.insertText", {"text": text})

    def download(self, url: str, folder: Path) -> Path:
        """Follow a link to a file; the file, once the browser has saved it under its name."""
        allowed = {
            "browserContextId": self._context,
            "behavior": "allow",
            "downloadPath": str(folder),
            "eventsEnabled": True,
        }
        self._command("Browser.setDownloadBehavior", allowed)
        before = set(self.downloads)
        self.evaluate(f"void (location.href = {json.dumps(url)})")
        give_up = time.monotonic() + self._deadline
        while time.monotonic() < give_up:
            saved = [self.downloads[id] for id in set(self.downloads) - before]
            match saved:
                case [(name, "completed")]:
                    return folder / name
                case [(name, "canceled")]:
                    raise PageError(f"{name} was not saved")
            time.sleep(0.05)
        raise TimeoutError(f"nothing was saved from {url}: {saved}")

    def show(self, *, width: int, height: int, scheme: str) -> None:
        """Show pages in a window of this size (pixels), by day (`light`) or by night (`dark`)."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", {"features": features})

    def screenshot(self, path: Path) -> None:
        """Save a picture (PNG) of the page as it is now."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", {})["data"]))

    # The protocol

    def _connect(self, profile: Path) -> AbstractContextManager[ClientConnection]:
        port_file = profile / "DevToolsActivePort"
        give_up = time.monotonic() + self._deadline
        while True:
            lines = port_file.read_text().splitlines() if port_file.exists() else []
            if len(lines) == 2:
                break
            if self._process.poll() is not None:
                raise PageError(f"the browser ended with exit code {self._process.returncode}")
            if time.monotonic() > give_up:
                raise TimeoutError("the browser did not start")
            time.sleep(0.02)
        url = f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        # A socket of our own: no proxy of the environment's comes in between.
        stream = socket.create_connection(("127.0.0.1", int(lines[0])), timeout=self._deadline)
        return connect(url, sock=stream, max_size=None, compression=None)

    def _open_tab(self) -> str:
        page = {"url": "about:blank", "browserContextId": self._context, **_WINDOW}
        tab = self._command("Target.createTarget", page)["targetId"]
        attached = self._command("Target.attachToTarget", {"targetId": tab, "flatten": True})
        session = str(attached["sessionId"])
        for method, params in (("Page.enable", {}), ("Log.enable", {}), *_watch()):
            self._command(method, params, session)
        return session

    def _send(
        self, method: str, params: Mapping[str, Any], session: str | None
    ) -> Future[dict[str, Any]]:
        answer: Future[dict[str, Any]] = Future()
        with self._lock:
            self._last += 1
            message = {"id": self._last, "method": method, "params": params}
            self._answers[self._last] = answer
        if session is not None:
            message["sessionId"] = session
        self._socket.send(json.dumps(message))
        return answer

    def _command(
        self, method: str, params: Mapping[str, Any], session: str | None = None
    ) -> dict[str, Any]:
        """The answer to a command to the browser or, with a session, to what that one is for."""
        try:
            return self._send(method, params, session).result(self._deadline)
        except TimeoutError as error:
            raise PageError(f"no answer to {method}: {params}") from error

    def _call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a command to the tab."""
        return self._command(method, params, self._session)

    def _read(self) -> None:
        try:
            for text in self._socket:
                message = json.loads(text)
                if "id" not in message:
                    self._event(message["method"], message["params"])
                    continue
                answer = self._answers.pop(message["id"])
                if "error" in message:
                    answer.set_exception(PageError(message["error"]["message"]))
                else:
                    answer.set_result(message["result"])
        except ConnectionClosed:
            pass
        finally:
            for answer in list(self._answers.values()):
                answer.set_exception(PageError("the browser has gone"))

    def _event(self, method: str, params: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Network.webSocketCreated":
                self.requests.append(params["url"])
            case "Browser.downloadWillBegin":
                self.downloads[params["guid"]] = (params["suggestedFilename"], "begun")
            case "Browser.downloadProgress":
                name, _ = self.downloads[params["guid"]]
                self.downloads[params["guid"]] = (name, params["state"])
            case "Runtime.exceptionThrown":
                self.console.append(_exception(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in {"error", "warning", "assert"}:
                words = (str(arg.get("value", arg.get("description"))) for arg in params["args"])
                self.console.append(" ".join(words))
            case "Log.entryAdded" if params["entry"]["level"] in {"error", "warning"}:
                entry = params["entry"]
                self.console.append(f"{entry['text']} {entry.get('url', '')}".strip())
            case "Page.javascriptDialogOpening":
                self.console.append(f"{params['type']}: {params['message']}")
                self._send("Page.handleJavaScriptDialog", {"accept": False}, self._session)
            case "Target.attachedToTarget" if params["waitingForDebugger"]:
                # A worker, held at its first step: it is watched before it goes on.
                for command, values in _watch():
                    self._send(command, values, params["sessionId"])
                self._send("Runtime.runIfWaitingForDebugger", {}, params["sessionId"])


def _watch() -> tuple[tuple[str, dict[str, Any]], ...]:
    """The commands that make a tab or a worker tell what it does."""
    return (
        ("Runtime.enable", {}),
        ("Network.enable", {}),
        (
            "Target.setAutoAttach",
            {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True},
        ),
    )


def _exception(details: Mapping[str, Any]) -> str:
    exception = details.get("exception", {})
    return str(exception.get("description", exception.get("value", details["text"])))
