"""What a step nobody trusts tries: each function does its deed, or raises what kept it from it.

``at`` says where what they are after is. A deed takes back what it has done, so that others can follow.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(LIBC, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


# ---------------------------------------------------------------- files


def read_a_token(at):
    return Path(at["token"]).read_text()


def list_the_home_folder(at):
    return os.listdir(at["home"])[0]


def read_the_users_of_the_machine(at):
    return Path("/etc/passwd").read_text()


def follow_a_link_of_the_workspace(at):
    return Path(at["workspace"], "link").read_text()


def make_a_link_out(at):
    name = f"link-{os.getpid()}"
    os.symlink(at["token"], name)
    try:
        return Path(name).read_text()
    finally:
        os.unlink(name)


def climb_out_with_a_descriptor(at):
    folder = os.open("..", os.O_RDONLY)
    for _ in range(40):
        folder = os.open("..", os.O_RDONLY, dir_fd=folder)
    return os.read(os.open(at["token"].lstrip("/"), os.O_RDONLY, dir_fd=folder), 100)


def go_through_the_root_of_another_process(at):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            return Path(f"/proc/{pid}/root{at['token']}").read_text()
        except OSError as error:
            refused = error
    raise refused


def write_outside(at):
    Path(at["outside"], "written").write_text("x")


def remove_outside(at):
    os.unlink(at["victim"])
    Path(at["victim"]).write_text("x")


def make_a_hard_link(at):
    os.link(at["token"], at["outside"] + "/linked")
    os.unlink(at["outside"] + "/linked")


def write_into_the_workspace(at):
    Path(at["workspace"], "planted.py").write_text("x")


def change_its_own_code(at):
    with open(__file__, "a") as file:
        file.write("# planted\n")


def change_the_programs(at):
    with open(at["program"], "r+b"):
        return True


def read_the_journal(at):
    return Path(at["journal"]).read_bytes()[:16].decode()


def overwrite_the_journal(at):
    journal = os.open(at["journal"], os.O_RDWR)
    os.pwrite(journal, os.pread(journal, 16, 0), 0)


# ---------------------------------------------------------------- network and sockets


def connect_to_loopback(at):
    socket.create_connection(("127.0.0.1", at["port"]), 2).close()


def send_a_datagram(at):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"secret", ("127.0.0.1", at["port"]))


def connect_to_a_unix_socket(at):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(at["unix"])


def connect_to_a_socket_of_the_workspace(at):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(at["workspace"] + "/socket")


def connect_to_an_abstract_socket(at):
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\0" + at["abstract"])


def call_the_host_of_the_virtual_machine(at):
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()


# ---------------------------------------------------------------- other processes


def signal_a_process(at):
    os.kill(at["target"], signal.SIGUSR1)


def change_a_process(at):
    path = Path(f"/proc/{at['target']}/oom_score_adj")
    path.write_text(path.read_text())


def trace_a_process(at):
    attach, detach = 16, 17
    _call("ptrace", attach, at["target"], 0, 0)
    os.waitpid(at["target"], 0)
    _call("ptrace", detach, at["target"], 0, 0)


def read_the_memory_of_a_process(at):
    with open(f"/proc/{at['target']}/mem", "rb") as memory:
        memory.seek(at["address"])
        if memory.read(6) != b"secret":
            raise OSError("something else is there")


def copy_the_memory_of_a_process(at):
    class Piece(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

    held = ctypes.create_string_buffer(6)
    here, there = Piece(ctypes.addressof(held), 6), Piece(at["address"], 6)
    vector = LIBC.process_vm_readv
    vector.argtypes = [ctypes.c_int] + [ctypes.c_void_p, ctypes.c_ulong] * 2 + [ctypes.c_ulong]
    _call(
        "process_vm_readv", at["target"], ctypes.addressof(here), 1, ctypes.addressof(there), 1, 0
    )
    if held.raw != b"secret":
        raise OSError("something else is there")


def read_the_environment_of_a_process(at):
    return Path(f"/proc/{at['target']}/environ").read_text()


def see_a_process(at):
    return Path(f"/proc/{at['target']}/cmdline").read_text()


def read_a_variable_of_the_runner(at):
    if "ESCAPE_CANARY" not in os.environ:
        raise OSError("the variable is not there")


def read_the_environment_of_its_parent(at):
    if b"canary-in-env" not in Path(f"/proc/{os.getppid()}/environ").read_bytes():
        raise OSError("something else is there")


def write_into_a_file_it_inherits(at):
    for name in os.listdir("/proc/self/fd"):
        target = os.readlink("/proc/self/fd/" + name) if int(name) < 3 else ""
        if target.startswith("/") and target != "/dev/null":
            return target
    raise OSError("there is none")


# ---------------------------------------------------------------- more than its share


def fork_without_end(at):
    children = []
    try:
        for _ in range(600):
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
                os._exit(0)
            children.append(pid)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)


def write_a_large_file(at):
    _fill("large", 1, 300)


def fill_the_disk(at):
    _fill("part", 3, 100)


def _fill(name, files, megabytes):
    folder = Path(f"much-{os.getpid()}")
    folder.mkdir()
    try:
        for number in range(files):
            with open(folder / f"{name}-{number}", "wb") as file:
                file.writelines(bytes(1 << 20) for _ in range(megabytes))
    finally:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def take_much_memory(at):
    mmap.mmap(-1, 6 << 30).close()


def open_many_files(at):
    opened = []
    try:
        while len(opened) < 400:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    finally:
        for one in opened:
            os.close(one)


# ---------------------------------------------------------------- powers


def mount_something(at):
    _call("mount", b"x", at["outside"].encode(), b"tmpfs", 0, None)
    _call("umount2", at["outside"].encode(), 2)


def use_a_setuid_program(at):
    shown = subprocess.run([at["setuid"], "-u"], check=True, capture_output=True, text=True)
    if int(shown.stdout) != at["owner"]:
        raise OSError(f"it ran as {shown.stdout.strip()}")


def make_a_device(at):
    name = f"device-{os.getpid()}"
    os.mknod(name, 0o600 | 0o020000, os.makedev(1, 5))
    try:
        return os.read(os.open(name, os.O_RDONLY), 1)[0]
    finally:
        os.unlink(name)


def use_a_device_of_the_workspace(at):
    return os.read(os.open(at["workspace"] + "/device", os.O_RDONLY), 1)[0]


def change_a_setting_of_the_machine(at):
    path = Path("/proc/sys/vm/swappiness")
    path.write_text(path.read_text())


def make_namespaces(at):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if LIBC.unshare(0x1000_0000) == 0 else ctypes.get_errno())
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        raise OSError(status, f"unshare: {os.strerror(status)}")


def ask_by_a_ring(at):
    # io_uring_setup: its number is the same on all machines of today.
    ring = LIBC.syscall(425, 1, ctypes.create_string_buffer(120))
    if ring < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup: " + os.strerror(ctypes.get_errno()))
    os.close(ring)


def kill_the_runner(at):
    told = Path(at["workspace"], "runner")
    while not told.exists():
        time.sleep(0.01)
    for pid in map(int, told.read_text().split()):
        os.kill(pid, signal.SIGKILL)


def nothing_wrong(at):
    Path("mine").write_text("x")
    a, b = socket.socketpair()
    a.send(b"fine")
    return (
        b.recv(4).decode()
        + subprocess.run(["echo", "x"], check=True, capture_output=True, text=True).stdout
    )
