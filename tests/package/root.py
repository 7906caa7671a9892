# SPDX-License-Identifier: Apache-2.0
"""A clean Debian 12 in a folder, and the packages that are installed in it: today's,
and those of the release before, which is packed by today's files.

What takes long is kept under build/package: Debian's base (debootstrap, from the
mirrors that this machine's apt uses) with the archives that the packages need, and
the build of the release before."""

import contextlib
import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/integration"))
from edge import BUILD, BUS, STREAM, Gateway, free_port, wait_for  # noqa: E402, F401

KEPT = REPOSITORY / "build/package"
PREVIOUS = "414935d"  # the release before this one: 0.1.0
CONFIG = "etc/shopme-edge/shopme-edge.yaml"
DATA = "var/lib/shopme-edge"
BASE_DAYS = 7  # how long Debian's base is believed to be the newest

# What is laid over the release before, so that it is packed as today's.
PACKING = ("config/cmake/package.cmake", "config/manual.py", "config/debian",
           "config/systemd")


def run(*words, check=True, **more):
    done = subprocess.run([str(word) for word in words], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: exit status "
                             f"{done.returncode}\n{done.stdout[-6000:]}")
    return done


def why_not():
    """Why no root can be made here, or None."""
    if os.geteuid() != 0:
        return "debootstrap and chroot need root"
    missing = [word for word in ("debootstrap", "dpkg-shlibdeps", "cpack")
               if shutil.which(word) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def why_not_back():
    """Why the release before this one cannot be packed here, or None."""
    known = subprocess.run(["git", "cat-file", "-e", f"{PREVIOUS}^{{commit}}"],
                           cwd=REPOSITORY, capture_output=True, check=False)
    return why_not() or (None if known.returncode == 0 else
                         f"SKIPPED: this checkout does not hold {PREVIOUS}, the "
                         "release before: fetch the whole history")


# --- Packages ---

def pack(build, out):
    """cpack over a build; gives the packages by name."""
    shutil.rmtree(out, ignore_errors=True)
    run("cpack", "--config", build / "CPackConfig.cmake", "-B", out, cwd=build)
    return {path.name.split("_")[0]: path for path in out.glob("*.deb")}


@functools.cache
def todays():
    run("cmake", "--build", BUILD, "--target", "manual")
    return pack(BUILD, KEPT / "today")


def lay_over(source):
    for name in PACKING:
        at = REPOSITORY / name
        to = source / name
        if at.is_dir():
            shutil.copytree(at, to, dirs_exist_ok=True)
        else:
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(at, to)
    lists = source / "CMakeLists.txt"
    text = lists.read_text()
    if "package.cmake" not in text:
        lists.write_text(text + "include(config/cmake/package.cmake)\n")


def packing_hash():
    mark = hashlib.sha256(PREVIOUS.encode())
    for name in PACKING:
        at = REPOSITORY / name
        for path in sorted(at.rglob("*")) if at.is_dir() else [at]:
            if path.is_file():
                mark.update(str(path.relative_to(REPOSITORY)).encode())
                mark.update(path.read_bytes())
    return mark.hexdigest()


@functools.cache
def previous():
    """The packages of the release before; built if the packing has changed."""
    top = KEPT / "previous"
    source, build, out = top / "source", top / "build", top / "packages"
    mark, mark_file = packing_hash(), top / "packed"
    found = {path.name.split("_")[0]: path for path in out.glob("*.deb")}
    if found and mark_file.exists() and mark_file.read_text() == mark:
        return found
    if not source.exists():
        source.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", PREVIOUS], cwd=REPOSITORY,
                                 check=True, capture_output=True).stdout
        subprocess.run(["tar", "x"], cwd=source, input=archive, check=True)
    lay_over(source)
    run("cmake", "-S", source, "-B", build, "-G", "Ninja",
        "-DCMAKE_BUILD_TYPE=Release", "-DEDGE_NOTIFY=OFF")
    run("cmake", "--build", build, "-j", os.environ.get("EDGE_JOBS", "2"),
        "--target", "shopme-edge", "shopme-devices", "manual")
    found = pack(build, out)
    mark_file.write_text(mark)
    return found


# --- Debian ---

def mirrors():
    """(address, suite) of the Debian that this machine installs from."""
    said = run("apt-get", "indextargets", "--format",
               "$(REPO_URI) $(SUITE) $(RELEASE)", "Created-By: Packages").stdout
    found = []
    for line in said.splitlines():
        address, _, release = line.split(" ")
        if release.startswith("bookworm") and (address, release) not in found:
            found.append((address, release))
    if not any(release == "bookworm" for _, release in found):
        raise AssertionError(f"apt of this machine has no bookworm:\n{said}")
    return found


def make_base(base):
    # (Under another name until it is whole.)
    making = base.with_name("base.new")
    shutil.rmtree(making, ignore_errors=True)
    main = next(address for address, release in mirrors()
                if release == "bookworm")
    # systemd: what a box has; nothing else that the package may need.
    run("debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv",
        "bookworm", making, main)
    (making / "etc/apt/sources.list").write_text("".join(
        f"deb {address} {release} main\n" for address, release in mirrors()))
    (making / "etc/hosts").write_text("127.0.0.1 localhost\n")
    # No service is started in a chroot: it would be one of this machine.
    policy = making / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    (making / "etc/dpkg/dpkg.cfg.d/quick").write_text("force-unsafe-io\n")
    (making / "etc/apt/apt.conf.d/keep").write_text(
        'Binary::apt-get::APT::Keep-Downloaded-Packages "true";\n')
    run("chroot", making, "apt-get", "update", "-q")
    # What the packages need is fetched once; each test installs it.
    for package in todays().values():
        shutil.copy2(package, making / "opt")
    run("chroot", making, "sh", "-c", "apt-get install -y -q --download-only "
        "--no-install-recommends /opt/*.deb && rm /opt/*.deb")
    shutil.rmtree(base, ignore_errors=True)
    making.rename(base)


def base():
    path = KEPT / "base"
    age = (time.time() - path.stat().st_mtime if path.exists() else None)
    if age is None or age > BASE_DAYS * 86400:
        KEPT.mkdir(parents=True, exist_ok=True)
        make_base(path)
        os.utime(path)
    return path


class Root:
    """What the base holds, or another root, and what is changed in it here: a
    layer over it (overlayfs), else a copy. Removed at the end."""

    def __init__(self, name, of=None):
        self.top = KEPT / "roots" / name
        self.path = self.top / "root"
        self.remove()
        for folder in ("root", "changed", "work"):
            (self.top / folder).mkdir(parents=True)
        below = of.path if of else base()
        mounted = run("mount", "-t", "overlay", "overlay", "-o",
                      f"lowerdir={below},upperdir={self.top}/changed,"
                      f"workdir={self.top}/work", self.path, check=False)
        if mounted.returncode != 0:  # not on every file system, not for everybody
            run("cp", "-aT", below, self.path)

    def remove(self):
        if os.path.ismount(self.path):
            run("umount", self.path)
        shutil.rmtree(self.top, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def __truediv__(self, name):
        return self.path / name

    def run(self, *words, **more):
        return run("chroot", self.path, *words,
                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                        "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
                   **more)

    def give(self, package):
        shutil.copy2(package, self / "opt")  # (a box hides /tmp)
        return f"/opt/{package.name}"

    def install(self, *packages, check=True):
        """apt's, so that all that they depend on must come by itself."""
        return self.run("apt-get", "install", "-y", "-q", "--allow-downgrades",
                        "--no-install-recommends", *map(self.give, packages),
                        check=check)

    def version(self):
        return self.run("dpkg-query", "-W", "-f=${Version}",
                        "shopme-edge").stdout

    def write(self, name, text, mode=0o644):
        path = self / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)


class RootGateway(Gateway):
    """The installed gateway, run in a root as its unit would."""

    def __init__(self, root, cloud):
        self.root, self.cloud = root, cloud
        self.process = None
        self.environment = {}
        self.log_path = root / "tmp/gateway.log"

    def start(self):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                       **self.cloud.environment, **self.environment}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["chroot", self.root.path, "setpriv", "--reuid=shopme-edge",
                 "--regid=shopme-edge", "--clear-groups", "shopme-edge", "run"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment)
        return self

    def status(self):
        import json
        done = self.root.run("shopme-edge", "status", "--json", check=False)
        with contextlib.suppress(ValueError):
            return json.loads(done.stdout)
        return None


def configure(root, cloud, more="", telemetry=""):
    """A configuration of both releases, for a local cloud on this machine."""
    broker = free_port()
    root.write("etc/cloud-ca.pem", pathlib.Path(cloud.ca_path).read_text())
    root.write(CONFIG, f"""\
store: s1
broker: {{listen: "127.0.0.1:{broker}"}}
streams:
  - {{name: orders, shop: true, segment: 8 MiB, sink: {{eventbridge: {{bus: {BUS}}}}}}}
  - {{name: telemetry, segment: 8 MiB, {telemetry} sink: {{kinesis: {{stream: {STREAM}}}}}}}
cloud: {{region: eu-central-1, endpoint: "{cloud.endpoint}", ca_file: /etc/cloud-ca.pem}}
console: {{listen: "127.0.0.1:{free_port()}"}}
{more}""")
    root.write("etc/shopme-edge/credentials.env", "".join(
        f"{name}={value}\n" for name, value in cloud.environment.items()), 0o600)
    return broker
