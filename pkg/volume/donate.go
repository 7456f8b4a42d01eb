package volume

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// hostFD is an FD that is going to be the sandbox's. The zero value is none.
type hostFD struct {
	fd    int
	valid bool
}

// donate gives the FD away, as the engine wants it: -1 for none.
func (h hostFD) donate() int {
	if !h.valid {
		return -1
	}
	return h.fd
}

func (h hostFD) close() {
	if h.valid {
		unix.Close(h.fd)
	}
}

// donation duplicates the file that a handle donates, if it does. It is only
// asked of handles that cannot write: what the sandbox writes to a donated file
// the volume would not learn. A file that is opened for writing later goes on to
// be read by the donated FD and is written by messages
// (pkg/sentry/fsimpl/gofer/gofer.go, ensureSharedHandle); hence the contract of
// FileDonor.
//
// A mount that is read-only must stay so for the attributes of the host's files as
// well: see PrivateFileDonor.
func donation(h Handle, readOnly bool) (hostFD, error) {
	d, ok := h.(FileDonor)
	if !ok {
		return hostFD{}, nil
	}
	f := d.HostFile()
	if f == nil {
		return hostFD{}, nil
	}
	defer runtime.KeepAlive(f)
	linked, err := checkDonation(f)
	if err != nil {
		return hostFD{}, err
	}
	if _, private := h.(PrivateFileDonor); readOnly && linked && !private {
		return hostFD{}, nil
	}
	// As for the socket, see takeSocket. The engine sends it and closes it.
	fd, err := unix.Dup(int(f.Fd()))
	if err != nil {
		return hostFD{}, err
	}
	return hostFD{fd, true}, nil
}

// checkDonation fails unless a file may be the sandbox's: a writable one, a
// device or a directory would give it more than the volume's content. linked
// reports whether it has a name.
func checkDonation(f *os.File) (linked bool, err error) {
	fd := int(f.Fd())
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return false, broken("the donated file %s: %v", f.Name(), err)
	}
	// With O_PATH the access mode reads as O_RDONLY.
	if flags&unix.O_ACCMODE != unix.O_RDONLY || flags&unix.O_PATH != 0 {
		return false, broken("the donated file %s is open with flags %#x; open it read-only", f.Name(), flags)
	}
	// Not fstat(2), which the gofer's filter does not have.
	var s unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_TYPE|unix.STATX_NLINK, &s); err != nil {
		return false, broken("the donated file %s: %v", f.Name(), err)
	}
	if s.Mode&unix.S_IFMT != unix.S_IFREG {
		return false, broken("the donated file %s is not a regular file, its mode is %#o", f.Name(), s.Mode)
	}
	return s.Nlink > 0, nil
}
