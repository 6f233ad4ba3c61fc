"""Odoo as a process: a server to talk to, a command run to its end, a script.

Every process gets a configuration file of its own, so nothing secret is on a command
line, and is served on 127.0.0.1 alone. The database server has to run
(:func:`dev.postgres.running`); Odoo finds it by the ``PG*`` variables.
"""

from __future__ import annotations

import http.client
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from . import environment
from .environment import DATA, LOGS, RUN, SCREENSHOTS, EnvironmentProblem

HOST = "127.0.0.1"
START_TIMEOUT = 120  # seconds
STOP_TIMEOUT = 15


def write_config(database: str, options: Mapping[str, object] | None = None) -> Path:
    """Write the configuration of an Odoo on that database and return the file.

    ``options`` are options of Odoo's configuration file, such as ``smtp_port``.
    """
    settings = {
        "addons_path": ",".join(map(str, environment.addons_path())),
        "admin_passwd": secrets.token_urlsafe(24),
        "data_dir": DATA / database,
        "db_name": database,
        "dbfilter": f"^{database}$",
        "http_interface": HOST,
        "list_db": False,
        "screenshots": SCREENSHOTS,
        "workers": 0,
        **(options or {}),
    }
    RUN.mkdir(parents=True, exist_ok=True)
    (DATA / database).mkdir(parents=True, exist_ok=True)
    file = RUN / f"{database}-{settings.get('http_port', 'command')}.conf"
    lines = [f"{name} = {value}\n" for name, value in settings.items()]
    partial = file.with_suffix(f".{os.getpid()}.part")
    with open(os.open(partial, os.O_CREAT | os.O_WRONLY, 0o600), "w") as stream:
        stream.writelines(["[options]\n", *lines])
    os.replace(partial, file)
    return file


def start(
    database: str,
    *arguments: str,
    command: str = "server",
    options: Mapping[str, object] | None = None,
    env: Mapping[str, str] | None = None,
    **popen: object,
) -> subprocess.Popen:
    """Start one of Odoo's commands on the database, and return the process.

    It has a session of its own: Ctrl-C reaches only the script, which then ends it.
    """
    config = write_config(database, options)
    line = environment.odoo_command(command, *arguments, f"--config={config}")
    return subprocess.Popen(
        line,
        cwd=RUN,
        env=environment.process_env(**(env or {})),
        start_new_session=True,
        **popen,
    )


def run(
    database: str,
    *arguments: str,
    log: Path,
    command: str = "server",
    script: str | None = None,
    options: Mapping[str, object] | None = None,
) -> None:
    """Run one of Odoo's commands to its end, with a log; refuse its failure.

    ``script`` is what the process reads from its standard input.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as stream:
        process = start(
            database,
            *arguments,
            command=command,
            options=options,
            stdin=subprocess.PIPE if script else subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            text=True,
        )
        try:
            process.communicate(script)
        finally:
            stop(process)
    if process.returncode:
        said = log.read_text(errors="replace")[-3000:]
        raise EnvironmentProblem(f"Odoo failed on {database}, see {log}:\n{said}")


def shell(database: str, script: str, log: Path | None = None) -> None:
    """Run a Python script in Odoo's shell, where ``env`` is; it has to commit."""
    log = log or LOGS / f"{database}-shell.log"
    run(database, "--no-http", command="shell", script=script, log=log)


def stop(process: subprocess.Popen) -> None:
    """End a process: ask, wait, then force, with all that it started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    """Return a port of this machine that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class OdooServer:
    """An Odoo that serves a database on 127.0.0.1 while the block runs.

    ::

        with OdooServer("my_db", options={"smtp_port": 2525}) as server:
            urllib.request.urlopen(f"{server.url}/web/login")
    """

    def __init__(
        self,
        database: str,
        port: int | None = None,
        *arguments: str,
        log: Path | None = None,
        options: Mapping[str, object] | None = None,
        env: Mapping[str, str] | None = None,
    ):
        self.database = database
        self.port = port or free_port()
        self.arguments = arguments
        self.log = log or LOGS / f"{database}-server.log"
        self.options = {"http_port": self.port, **(options or {})}
        self.env = env
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        """The address without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> OdooServer:
        """Start the server and wait until it answers."""
        if _is_taken(self.port):
            raise EnvironmentProblem(
                f"Port {self.port} is in use: choose another one with --port."
            )
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as stream:
            self.process = start(
                self.database,
                *self.arguments,
                options=self.options,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server."""
        if self.process:
            stop(self.process)

    def kill(self) -> None:
        """Kill the server and its workers at once, without warning."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return bool(self.process) and self.process.poll() is None

    def __enter__(self) -> OdooServer:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _wait_until_it_answers(self) -> None:
        """Ask for the health page until it comes."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if not self.is_running():
                break
            if self._is_healthy():
                return
            time.sleep(0.2)
        said = self.log.read_text(errors="replace")[-3000:]
        raise EnvironmentProblem(f"Odoo did not start, see {self.log}:\n{said}")

    def _is_healthy(self) -> bool:
        """Ask the server whether it serves."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        try:
            connection.request("GET", "/web/health")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()


def _is_taken(port: int) -> bool:
    """Tell whether somebody listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
