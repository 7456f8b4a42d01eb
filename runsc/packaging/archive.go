package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/md5"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const maintainer = "The maintainers of runsc-directfs <directfs@users.noreply.github.com>"

// control is what Debian's control file has that differs between packages.
type control struct {
	version, arch string
	size          int64 // in KiB
}

func (c control) String() string {
	return fmt.Sprintf(`Package: %s
Version: %s
Architecture: %s
Maintainer: %s
Installed-Size: %d
Provides: runsc
Conflicts: runsc
Replaces: runsc
Suggests: containerd | docker.io | podman, iproute2, iptables
Section: admin
Priority: optional
Homepage: https://%s
Description: gVisor container runtime with directfs decided per mount
 runsc runs containers on gVisor's application kernel. This one decides for
 each mount whether the sandbox opens its files itself (directfs) or asks a file
 server outside (LisaFS), and gives the sandbox only the privileges that the
 decisions need. It accepts the commands and flags of gVisor's runsc.
 .
 containerd-shim-runsc-v1 runs containers of containerd with it. volumed
 serves object stores as volumes of its containers. "runsc install" puts the
 runtime into the configuration of Docker, podman or containerd.
`, name, c.version, c.arch, maintainer, c.size, ours)
}

// overrides say why lintian need not report what it would.
const overrides = `# Go links programs statically, and these need no library of the system.
statically-linked-binary
# A module has the Apache License with other words than the usual ones.
copyright-file-contains-full-apache-2-license
# It is not part of Debian, where a bug would have asked for it.
initial-upload-closes-no-bugs
# Without systemd whoever uses volumed starts it as they like.
package-supports-alternative-init-but-no-init.d-script
`

// writeDeb makes a Debian package with dpkg-deb, from a copy of the files with
// fixed modes and times. Compression is fixed, and by one thread: with more, xz
// cuts its input into blocks.
func writeDeb(name string, files tree, c control, at time.Time) error {
	stage, err := os.MkdirTemp("", "packaging-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	var sums strings.Builder
	for _, f := range files {
		data, err := f.content()
		if err != nil {
			return err
		}
		c.size += (int64(len(data)) + 1023) / 1024
		sums.WriteString(md5sum(data, f.path))
	}
	c.size += int64(len(files.directories()))
	files = append(files, file{path: "DEBIAN/control", mode: 0o644, data: []byte(c.String())},
		file{path: "DEBIAN/md5sums", mode: 0o644, data: []byte(sums.String())})
	if err := files.write(stage, at); err != nil {
		return err
	}
	cmd := exec.Command("dpkg-deb", "--root-owner-group", "--uniform-compression", "-Zxz", "-z1", "--build", stage, name)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", at.Unix()), "DPKG_DEB_THREADS_MAX=1", "LC_ALL=C", "TZ=UTC")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("dpkg-deb, of the package dpkg: %w: %s", err, out)
	}
	return os.Chmod(name, 0o644)
}

// write makes the files below dir.
func (t tree) write(dir string, at time.Time) error {
	directories := append(t.directories(), ".")
	for _, d := range directories {
		d = filepath.Join(dir, d)
		if err := errors.Join(os.MkdirAll(d, 0o755), os.Chmod(d, 0o755)); err != nil {
			return err
		}
	}
	for _, f := range t {
		data, err := f.content()
		if err != nil {
			return err
		}
		path := filepath.Join(dir, f.path)
		if err := os.WriteFile(path, data, f.mode); err != nil {
			return err
		}
		if err := errors.Join(os.Chmod(path, f.mode), os.Chtimes(path, at, at)); err != nil {
			return err
		}
	}
	for _, d := range directories { // after what is in them
		if err := os.Chtimes(filepath.Join(dir, d), at, at); err != nil {
			return err
		}
	}
	return nil
}

// writeTarball makes a tar.gz with everything below the directory top.
func writeTarball(name, top string, files tree, at time.Time) (err error) {
	out, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close(), os.Chmod(name, 0o644)) }()
	z := gzip.NewWriter(out)
	w := tar.NewWriter(z)
	header := func(path string, mode fs.FileMode, kind byte, size int) error {
		return w.WriteHeader(&tar.Header{Name: path, Mode: int64(mode), Typeflag: kind, Size: int64(size), ModTime: at, Uname: "root", Gname: "root", Format: tar.FormatGNU})
	}
	for _, d := range append([]string{""}, files.directories()...) {
		if err := header(filepath.Join(top, d)+"/", 0o755, tar.TypeDir, 0); err != nil {
			return err
		}
	}
	for _, f := range files {
		data, err := f.content()
		if err != nil {
			return err
		}
		if err := header(filepath.Join(top, f.path), f.mode, tar.TypeReg, len(data)); err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), z.Close())
}

// md5sum is a line of the file md5sums, with which debsums looks for damage.
func md5sum(data []byte, path string) string {
	return fmt.Sprintf("%x  %s\n", md5.Sum(data), path)
}
