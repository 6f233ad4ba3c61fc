"""A mail server that keeps what it is given: what customers receive, for a look.

Each mail is stored as ``NNNN.eml`` in a folder, headed by ``X-Envelope-From`` and one
``X-Envelope-To`` for each recipient, which tell who really got it. Use it in a
thread, or by hand::

    with MailCatcher(folder) as catcher:
        ...  # catcher.port
        catcher.messages()

    python -m dev.mailcatcher --port 2525 --directory mails

For tests of faults it can also refuse, break the connection or be slow.
"""

from __future__ import annotations

import argparse
import asyncio
import email
import email.policy
import os
import threading
import time
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"
MODES = {
    "normal": "accept every mail",
    "reject451": "refuse each mail for now, so that the sender tries again",
    "reject550": "refuse each recipient for good",
    "drop_after_data": "keep the mail, but break the connection before saying so",
    "slow": "accept every mail after a delay",
}


class MailCatcher:
    """An SMTP server in a thread, which stores what it accepts in a folder.

    ``mode`` may be changed at any time; the refused mails are only counted.
    """

    def __init__(
        self,
        directory: Path | str,
        port: int = 0,
        mode: str = "normal",
        delay: float = 2.0,
    ):
        self.directory = Path(directory)
        self.port = port
        self.mode = mode
        self.delay = delay
        self.refused = 0
        self._lock = threading.Lock()
        self._controller: _Controller | None = None

    def start(self) -> MailCatcher:
        """Start to listen; a port of 0 becomes one that is free."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._controller = _Controller(_Handler(self), hostname=HOST, port=self.port)
        self._controller.start()
        self.port = self._controller.server.sockets[0].getsockname()[1]
        return self

    def stop(self) -> None:
        """Stop to listen."""
        if self._controller:
            self._controller.stop()
            self._controller = None

    def __enter__(self) -> MailCatcher:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def files(self) -> list[Path]:
        """Return the files of the stored mails, oldest first."""
        return sorted(self.directory.glob("*.eml"))

    def messages(self, recipient: str | None = None) -> list[EmailMessage]:
        """Return the stored mails, or those that one recipient really got."""
        mails = [_read(file) for file in self.files()]
        if recipient is None:
            return mails
        return [mail for mail in mails if recipient in recipients(mail)]

    def wait_for(self, count: int, timeout: float = 30.0) -> list[EmailMessage]:
        """Return the stored mails once there are so many of them."""
        deadline = time.monotonic() + timeout
        while len(self.files()) < count:
            if time.monotonic() > deadline:
                found = len(self.files())
                raise TimeoutError(f"{found} of {count} mails after {timeout:g} s")
            time.sleep(0.1)
        return self.messages()

    def clear(self) -> None:
        """Forget the stored mails."""
        for file in self.files():
            file.unlink()

    def store(self, envelope: Envelope) -> None:
        """Write one mail; the file gets its name when it is complete."""
        head = [f"X-Envelope-From: {envelope.mail_from}"]
        head += [f"X-Envelope-To: {address}" for address in envelope.rcpt_tos]
        content = "\r\n".join(head).encode() + b"\r\n" + envelope.original_content
        with self._lock:
            last = max((int(file.stem) for file in self.files()), default=0)
            file = self.directory / f"{last + 1:04}.eml"
            partial = file.with_suffix(".part")
            partial.write_bytes(content)
            os.replace(partial, file)


def recipients(mail: EmailMessage) -> list[str]:
    """Return who really got the mail, as the sender told the server."""
    return mail.get_all("X-Envelope-To", [])


class _Controller(Controller):
    """aiosmtpd's thread, without its check that needs a port known beforehand."""

    def _trigger_server(self) -> None:
        """Open the connection that makes aiosmtpd notice its own errors."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class _Handler:
    """Answers the commands of a sender as the catcher's mode says."""

    def __init__(self, catcher: MailCatcher):
        self.catcher = catcher

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take or refuse one recipient."""
        if self.catcher.mode == "reject550":
            self.catcher.refused += 1
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take or refuse the mail itself."""
        mode = self.catcher.mode
        if mode == "reject451":
            self.catcher.refused += 1
            return "451 4.7.1 Try again later"
        if mode == "slow":
            await asyncio.sleep(self.catcher.delay)
        self.catcher.store(envelope)
        if mode == "drop_after_data":
            server.transport.abort()
        return "250 OK"


def _read(file: Path) -> EmailMessage:
    """Read one stored mail."""
    return email.message_from_bytes(file.read_bytes(), policy=email.policy.default)


def main() -> None:
    """Catch mails until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m dev.mailcatcher")
    parser.add_argument("--port", type=int, default=2525)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--mode", choices=MODES, default="normal")
    parser.add_argument("--delay", type=float, default=2.0, help="seconds, for slow")
    arguments = parser.parse_args()
    with MailCatcher(
        arguments.directory, arguments.port, arguments.mode, arguments.delay
    ) as catcher:
        print(f"Mails for {HOST}:{catcher.port} go to {catcher.directory}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
