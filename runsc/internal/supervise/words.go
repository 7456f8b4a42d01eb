package supervise

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/log"
)

// keepWords puts a memory file of a fixed size behind stderr if that is
// /dev/null, as the engine has it unless it is told to write logs. There the
// process writes why it ends, a crash included, until it ends; who holds it
// (see Hold) can read that then.
func keepWords() {
	if err := replaceNull(unix.Stderr); err != nil {
		log.Warningf("Nobody will hear why this process ends: %v", err)
	}
}

func replaceNull(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(1, 3) {
		return nil
	}
	words, err := unix.MemfdCreate("last-words", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return err
	}
	defer unix.Close(words)
	if err := unix.Ftruncate(words, maxPacket); err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(words), unix.F_ADD_SEALS, wordsSeals|unix.F_SEAL_SEAL); err != nil {
		return err
	}
	// It stays there when the process executes itself again.
	return unix.Dup3(words, fd, 0)
}

// wordsSeals are the seals by which a file that keeps words is known, and
// because of which it stays as small as it is.
const wordsSeals = unix.F_SEAL_GROW | unix.F_SEAL_SHRINK

// words reads what a process has written to its stderr, or else returns the path
// of the file that it writes to.
func words(stderr int) (said []byte, file string) {
	var st unix.Stat_t
	if err := unix.Fstat(stderr, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, ""
	}
	seals, err := unix.FcntlInt(uintptr(stderr), unix.F_GET_SEALS, 0)
	if err != nil || seals&wordsSeals != wordsSeals {
		file, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", stderr))
		if err != nil || st.Nlink == 0 {
			return nil, ""
		}
		return nil, file
	}
	data := make([]byte, maxPacket)
	n, err := unix.Pread(stderr, data, 0)
	if err != nil {
		return nil, ""
	}
	return bytes.TrimRight(data[:n], "\x00"), ""
}
