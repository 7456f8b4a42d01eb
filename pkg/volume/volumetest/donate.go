package volumetest

import (
	"io"
	"os"

	"github.com/directfs/runsc/pkg/volume"
	"golang.org/x/sys/unix"
)

var donateChecks = []check{
	{"donate/every-handle-that-reads", donate, donateEvery},
	{"donate/new-files", donate | write, donateNew},
	{"donate/a-regular-file-open-for-reading-only", donate, donateReadOnly},
	{"donate/what-readat-returns", donate, donateContent},
	{"donate/after-writes-by-other-handles", donate | write, donateFresh},
	{"donate/until-the-handle-is-closed", donate, donateLifetime},
}

// hostFile demands a donation.
func (e *env) hostFile(p string, h volume.Handle) *os.File {
	e.Helper()
	d, ok := h.(volume.FileDonor)
	if !ok {
		e.Fatalf("%s: the handle is not a volume.FileDonor", p)
	}
	f := d.HostFile()
	if f == nil {
		e.Fatalf("%s: the handle has no host file", p)
	}
	return f
}

func donateEvery(e *env) {
	e.eachRegular(func(p string, id volume.ID, _ string) { e.hostFile(p, e.open(id, reading)) })
}

func donateNew(e *env) {
	_, h := e.createOpen(e.root(), "new")
	f := e.hostFile("new", h)
	e.donated("new", f, "")
	e.write(h, "content", 0)
	e.donated("new", f, "content")
}

func donateReadOnly(e *env) {
	e.eachRegular(func(p string, id volume.ID, _ string) {
		f := e.hostFile(p, e.open(id, reading))
		flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
		e.ok(err, "fcntl")
		if flags&(unix.O_ACCMODE|unix.O_PATH) != unix.O_RDONLY {
			e.Errorf("%s: the host file is open with flags %#x, want O_RDONLY", p, flags)
		}
		info, err := f.Stat()
		e.ok(err, "fstat")
		if !info.Mode().IsRegular() {
			e.Errorf("%s: the host file has mode %v, want a regular file", p, info.Mode())
		}
	})
}

func donateContent(e *env) {
	e.eachRegular(func(p string, id volume.ID, content string) {
		h := e.open(id, reading)
		e.donated(p, e.hostFile(p, h), content)
		e.handleContent(h, content)
	})
}

// donated compares what a host file has, and how long it is.
func (e *env) donated(p string, f *os.File, want string) {
	e.Helper()
	got, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	e.ok(err, "reading the host file")
	if string(got) != want {
		e.Errorf("%s: the host file has %s, want %s", p, shown(string(got)), shown(want))
	}
	info, err := f.Stat()
	e.ok(err, "fstat")
	if info.Size() != int64(len(want)) {
		e.Errorf("%s: the host file is %d bytes long, want %d", p, info.Size(), len(want))
	}
}

// donateFresh writes, extends and truncates through other handles, and by
// SetAttr.
func donateFresh(e *env) {
	a := e.create(e.root(), "file", "content")
	h := e.open(a.ID, reading)
	f := e.hostFile("file", h)
	same := func(want string) {
		e.Helper()
		e.handleContent(h, want)
		e.donated("file", f, want)
	}
	w := e.openToWrite(a.ID, both)
	e.write(w, "CON", 0)
	same("CONtent")
	e.write(w, "more", 8)
	same("CONtent\x00more")
	e.setAttr(a.ID, volume.Change{Size: new(int64(3))})
	same("CON")
	e.openToWrite(a.ID, volume.OpenHow{Write: true, Truncate: true})
	same("")
}

func donateLifetime(e *env) {
	e.eachRegular(func(p string, id volume.ID, content string) {
		h, other := e.open(id, reading), e.open(id, reading)
		f := e.hostFile(p, h)
		e.hostFile(p, other)
		e.ok(other.Close(e.ctx), "Close of another handle")
		e.donated(p, f, content)
	})
}
