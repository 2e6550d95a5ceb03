"""What a platform leaves in the kernel when its processes are gone: mounts, cgroups, interfaces, rules."""

import subprocess
from pathlib import Path

from deploy.local import network
from deploy.local.failure import SetupError
from deploy.local.layout import program

CGROUPS = Path("/sys/fs/cgroup")
# Where the kubelet keeps the pods' control groups, in every hierarchy of cgroup v1 or in the one of v2.
POD_CGROUPS = ("kubepods", "*/kubepods")


def mounts_under(*directories: Path) -> list[str]:
    """Return the mount points inside these directories, innermost last mounted first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    inside = tuple(f"{directory}/" for directory in directories)
    return [point for point in reversed(points) if point.startswith(inside)]


def unmount(*directories: Path) -> None:
    """Unmount everything inside these directories; repeatable.

    Errors: SetupError where something stays mounted, for then nothing there may be deleted.
    """
    for point in mounts_under(*directories):
        # Lazily: a file that somebody still has open keeps no directory from being cleared.
        subprocess.run([program("umount"), "--lazy", point], capture_output=True)
    left = mounts_under(*directories)
    if left:
        raise SetupError(f"These stay mounted, unmount them by hand: {' '.join(left)}")


def remove_pod_cgroups() -> None:
    """Remove the pods' empty control groups; those with a process in them stay."""
    for pattern in POD_CGROUPS:
        for top in CGROUPS.glob(pattern):
            groups = sorted((path for path in top.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts))
            for group in (*groups, top):
                try:
                    group.rmdir()
                except OSError:
                    continue


def clear_kernel(*directories: Path) -> None:
    """Remove every trace of a platform whose processes have ended; repeatable.

    Errors: as `unmount`.
    """
    unmount(*directories)
    remove_pod_cgroups()
    network.tear_down()
