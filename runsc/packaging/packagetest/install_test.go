package packagetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var template sync.Once

// debian is a clean Debian in a directory, with man and bash completion.
func debian(t *testing.T) string {
	t.Helper()
	clean := filepath.Join(work(), "debian")
	template.Do(func() {
		if err := os.Chmod(work(), 0o755); err != nil { // for apt's user
			t.Fatal(err)
		}
		run(t, "mmdebstrap", "--quiet", "--variant=minbase", "--include=man-db,bash-completion", "bookworm", clean)
	})
	root := filepath.Join(t.TempDir(), "root")
	run(t, "cp", "-a", clean, root)
	return root
}

// enter executes a script in the root, in a mount and PID namespace of its own:
// nothing of it is left when the script ends.
func enter(t *testing.T, root, script string) string {
	t.Helper()
	const prepare = `set -e
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs sysfs sys
for tree in dev sys/fs/cgroup; do mount --rbind /$tree $tree; done
for dir in run tmp; do mount -t tmpfs tmpfs $dir; done
mkdir -p .old
pivot_root . .old
umount -l /.old
rmdir /.old
export HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive
exec bash -euo pipefail -c "$2"`
	return run(t, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "bash", "-c", prepare, "bash", root, script)
}

// copyIn puts a file in the root's directory srv.
func copyIn(t *testing.T, root, file, name string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "srv", name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// later is the package with a higher version, made without our code.
func later(t *testing.T) string {
	t.Helper()
	dir := unpacked(t, here)
	run(t, "sed", "-i", "-E", `s/^(Version: .*)-1$/\1-2/`, dir+"/DEBIAN/control")
	deb := filepath.Join(t.TempDir(), "later.deb")
	run(t, "dpkg-deb", "--root-owner-group", "-Znone", "-b", dir, deb)
	return deb
}

// everything lists the files of the root that a package could have left.
const everything = `cd / && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./srv -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/cache -o -path ./var/log -o -path ./root \) -prune -o -print | sort`

// The package is installed in a clean Debian and does there what the README
// begins with. When it is removed, nothing of it is left.
func TestInstall(t *testing.T) {
	root := debian(t)
	copyIn(t, root, artefact(t, here, ".deb"), "runsc.deb")
	before := enter(t, root, everything)
	enter(t, root, "apt-get install -q -y /srv/runsc.deb && dpkg -V runsc-directfs && dpkg --audit")
	for script, want := range map[string]string{
		"runsc --version":             "runsc version ",
		"volumed version":             "volumed ",
		"containerd-shim-runsc-v1 -v": "Version:",
		"man -w runsc":                "/usr/share/man/man1/runsc.1.gz",
		"man volumed | cat":           "serve object stores as volumes",
		"man runsc-policy | cat":      "--what-if=NAME=VALUE",
		"man -k runsc-poli || mandb":  "",
		`runsc --network=none do --volume /srv:/srv --volume-directfs /srv=off ls /srv 2>&1`: "runsc.deb",
		// As bash does it for the first line that begins with runsc.
		`. /usr/share/bash-completion/bash_completion; _completion_loader runsc || [ $? = 124 ]
		 COMP_WORDS=(runsc --root /x pol) COMP_CWORD=3 COMP_LINE="runsc --root /x pol" COMP_POINT=19; complete -p runsc; _runsc; echo "${COMPREPLY[@]}"`: "policy",
		// Whoever has upstream's package has to choose.
		`mkdir -p /tmp/p/DEBIAN && printf 'Package: runsc\nVersion: 99\nArchitecture: all\nMaintainer: a <a@example.com>\nDescription: a\n' >/tmp/p/DEBIAN/control
		 dpkg-deb -b /tmp/p /tmp/runsc.deb >/dev/null; ! dpkg -i /tmp/runsc.deb 2>&1; dpkg -s runsc-directfs | grep Status`: "install ok installed",
	} {
		if got := enter(t, root, script); !strings.Contains(got, want) {
			t.Errorf("%s:\n%s\nwant %q", script, got, want)
		}
	}
	enter(t, root, "apt-get purge -q -y runsc-directfs; dpkg --audit; ! dpkg -s runsc-directfs 2>/dev/null")
	if after := enter(t, root, everything); after != before {
		t.Errorf("left, or lost:\n%s", difference(before, after))
	}
}

func difference(before, after string) string {
	had := map[string]bool{}
	for line := range strings.Lines(before) {
		had[line] = true
	}
	var text strings.Builder
	for line := range strings.Lines(after) {
		if !had[line] {
			text.WriteString("+" + line)
		}
		delete(had, line)
	}
	for line := range had {
		text.WriteString("-" + line)
	}
	return text.String()
}

// A container that runs while the package is upgraded goes on, and the new
// program can do everything with it.
func TestUpgrade(t *testing.T) {
	root := debian(t)
	copyIn(t, root, artefact(t, here, ".deb"), "runsc.deb")
	copyIn(t, root, later(t), "later.deb")
	const script = `dpkg -i /srv/runsc.deb >/dev/null
mkdir /tmp/bundle && cd /tmp/bundle
cat >config.json <<'END'
{"ociVersion": "1.0.0", "root": {"path": "/", "readonly": true}, "hostname": "a",
 "process": {"cwd": "/", "args": ["sleep", "1000"], "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}},
 "linux": {"namespaces": [{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}]}}
END
R="runsc --root=/run/r --network=none --ignore-cgroups"
$R run --detach a </dev/null >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
pid=$($R state a | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')
dpkg -i /srv/later.deb >/dev/null
echo "exe: $(readlink /proc/$pid/exe)"
$R exec a echo after the upgrade
$R state a | grep '"status"'
$R policy verify a | tail -1
dpkg -r runsc-directfs >/dev/null
test -d /proc/$pid && echo goes on without its package
dpkg -i /srv/later.deb >/dev/null
$R kill a KILL
for i in $(seq 100); do $R state a | grep -q '"status": "stopped"' && break; sleep 0.1; done
$R delete a
echo "left: $(ls /run/r | grep -v null-netns) $(ls -l /proc/[0-9]*/exe 2>/dev/null | grep -c /usr/bin/runsc)."`
	out := enter(t, root, script)
	for _, want := range []string{"(deleted)", "after the upgrade", `"status": "running"`, "goes on without its package", "left:  0."} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q", want)
		}
	}
	t.Log(out)
}

// The tarball works from wherever it is unpacked.
func TestTarball(t *testing.T) {
	dir := t.TempDir()
	run(t, "tar", "-C", dir, "--strip-components=1", "-xzf", artefact(t, here, ".tar.gz"))
	if got := run(t, dir+"/bin/runsc", "--version"); !strings.HasPrefix(got, "runsc version ") {
		t.Errorf("runsc --version: %s", got)
	}
	for _, path := range []string{"share/man/man1/runsc.1.gz", "share/doc/runsc-directfs/LICENSE", "share/zsh/site-functions/_runsc", "lib/systemd/system/volumed.service"} {
		if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
			t.Error(err)
		}
	}
}

// With an emulator the programs for arm64 say their version. Nothing else of
// them is tested.
func TestArm64(t *testing.T) {
	emulator, err := exec.LookPath("qemu-aarch64-static")
	if here != "amd64" || err != nil {
		t.Skip("no amd64 machine with qemu-user-static")
	}
	dir := filepath.Join(unpacked(t, "arm64"), "usr/bin")
	for program, want := range map[string][2]string{"runsc": {"--version", "runsc version "}, "volumed": {"version", "volumed "},
		"containerd-shim-runsc-v1": {"-v", "Version:"}} {
		if got := run(t, emulator, filepath.Join(dir, program), want[0]); !strings.Contains(got, want[1]) {
			t.Errorf("%s %s: %s", program, want[0], got)
		}
	}
}
