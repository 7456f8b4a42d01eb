package socket

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// BoundingPacket says which capabilities a process ends with in its bounding
// set; bit n is capability n (capabilities(7)).
func BoundingPacket(set uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte{Bounding}, set)
}

// TakeBounding returns the set that the client sent before the process started.
// A second call finds none.
func TakeBounding(fd int) (set uint64, ok bool) {
	const size = 1 + 8
	var packet [size]byte
	n, _, err := unix.Recvfrom(fd, packet[:1], unix.MSG_DONTWAIT|unix.MSG_PEEK)
	if err != nil || n != 1 || packet[0] != Bounding {
		return 0, false
	}
	n, _, err = unix.Recvfrom(fd, packet[:], unix.MSG_DONTWAIT)
	if err != nil || n != size {
		return 0, false
	}
	return binary.LittleEndian.Uint64(packet[1:]), true
}
