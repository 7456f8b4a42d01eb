package volume

import (
	"context"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/lisafs"
	"gvisor.dev/gvisor/pkg/marshal/primitive"
)

const (
	// listingPage is how many entries are asked for at once: about as many as
	// the sentry wants in one message.
	listingPage = 1024

	// listingBytes bounds one message's entries, whatever the client asks for.
	// Their number is an uint16 there.
	listingBytes = 256 << 10
)

// dirFD is an open directory. The volume does not know of it: the place in it is
// a name.
type dirFD struct {
	lisafs.OpenFD
	m    *Mount
	node *node

	mu    sync.Mutex
	after string  // the last name that was returned
	page  []Entry // what comes next, if that is known
	count uint64  // of the entries returned
}

var _ lisafs.OpenFDImpl = (*dirFD)(nil)

func (fd *controlFD) newDirFD(flags uint32) (*dirFD, error) {
	if !fd.m.open.take() {
		fd.m.report.warn("sandbox has too many open files", "limit", fd.m.open.max)
		return nil, unix.ENFILE
	}
	d := &dirFD{m: fd.m, node: fd.node}
	fd.m.fds.add(d.FD())
	d.OpenFD.Init(fd.FD(), flags, d)
	return d, nil
}

// FD implements lisafs.OpenFDImpl.
func (fd *dirFD) FD() *lisafs.OpenFD { return &fd.OpenFD }

// Close implements lisafs.OpenFDImpl.
func (fd *dirFD) Close() {
	fd.m.fds.remove(fd.FD())
	fd.m.open.give()
}

// Renamed implements lisafs.OpenFDImpl.
func (fd *dirFD) Renamed() {}

// Stat implements lisafs.OpenFDImpl.
func (fd *dirFD) Stat() (lisafs.Statx, error) { return fd.m.stat(fd.node) }

// Sync implements lisafs.OpenFDImpl. A change of the tree is there when the call
// that made it returned, there is nothing to sync.
func (fd *dirFD) Sync() error { return nil }

// Flush implements lisafs.OpenFDImpl.
func (fd *dirFD) Flush() error { return nil }

// Read implements lisafs.OpenFDImpl.
func (fd *dirFD) Read([]byte, uint64) (uint64, error) { return 0, unix.EISDIR }

// Write implements lisafs.OpenFDImpl.
func (fd *dirFD) Write([]byte, uint64) (uint64, error) { return 0, unix.EISDIR }

// Allocate implements lisafs.OpenFDImpl.
func (fd *dirFD) Allocate(uint64, uint64, uint64) error { return unix.EISDIR }

// Getdent64 implements lisafs.OpenFDImpl. "." and ".." are not returned, the
// sentry makes them (pkg/sentry/fsimpl/gofer/directory.go, getDirents). The end
// is where nothing is returned.
func (fd *dirFD) Getdent64(count uint32, seek0 bool, record func(lisafs.Dirent64)) error {
	fd.mu.Lock()
	defer fd.mu.Unlock()
	if seek0 {
		fd.after, fd.page, fd.count = "", nil, 0
	}
	left := min(int(count), listingBytes)
	for recorded := 0; ; recorded++ {
		d, ok, err := fd.next()
		switch {
		case err != nil && recorded == 0:
			return err
		case err != nil || !ok:
			// An error comes again with the next message, after what is recorded.
			return nil
		case d.SizeBytes() > left && recorded == 0:
			return unix.EINVAL // as getdents64(2)
		case d.SizeBytes() > left:
			return nil
		}
		left -= d.SizeBytes()
		record(d)
		fd.advance()
	}
}

// next returns the next entry, if there is one, and does not advance.
func (fd *dirFD) next() (lisafs.Dirent64, bool, error) {
	if len(fd.page) == 0 {
		after := fd.after // which an abandoned call must not read later
		page, err := call(fd.m, op{"list", fd.node.id, ""}, func(ctx context.Context) ([]Entry, error) {
			page, err := fd.m.volume.ReadDir(ctx, fd.node.id, after, listingPage)
			if err != nil {
				return nil, err
			}
			return page, checkPage(after, page)
		}, nil)
		if err != nil || len(page) == 0 {
			return lisafs.Dirent64{}, false, err
		}
		fd.page = page
	}
	e := fd.page[0]
	number, err := fd.m.nodes.number(e.ID, e.Type)
	if err != nil {
		return lisafs.Dirent64{}, false, fd.m.report.errno(op{"list", fd.node.id, e.Name}, err)
	}
	return lisafs.Dirent64{
		Ino: primitive.Uint64(number),
		Off: primitive.Uint64(fd.count + 1),
		// DT_*, readdir(3). What is not served, as a device, is DT_UNKNOWN, so that
		// an overlay does not take it for a whiteout.
		Type: primitive.Uint8(modeBits[e.Type] >> 12),
		Name: lisafs.SizedString(e.Name),
	}, true, nil
}

// advance goes over the entry that next returned.
func (fd *dirFD) advance() {
	fd.after = fd.page[0].Name
	fd.page = fd.page[1:]
	fd.count++
}

// checkPage checks what follows a name in a directory. Names in order also means
// that none comes twice, and that a listing ends.
func checkPage(after string, page []Entry) error {
	for _, e := range page {
		switch {
		case !isName(e.Name):
			return broken("the directory lists %q, which is no name", e.Name)
		case e.Name <= after:
			return broken("the directory lists %q after %q, names must ascend", e.Name, after)
		case e.ID == "":
			return broken("the directory lists %q with the empty ID", e.Name)
		case e.Type&^fs.ModeType != 0:
			return broken("the directory lists %q with the type %v, which has more than the bits of fs.ModeType", e.Name, e.Type)
		}
		after = e.Name
	}
	return nil
}
