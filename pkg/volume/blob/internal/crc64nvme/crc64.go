// Package crc64nvme computes the checksum that S3 has of each object, several times
// as fast as hash/crc64, which takes more time than a fast network.
package crc64nvme

import (
	"encoding/binary"
	"hash"
	"hash/crc64"
	"sync"
)

// Size is that of a checksum in bytes.
const Size = crc64.Size

// polynomial is CRC-64/NVME, reversed, as hash/crc64 wants it (NVM Express NVM
// Command Set Specification 1.0d, 5.2.1.3.4).
const polynomial = 0x9a6c_9329_ac4b_c9b5

// A block is computed in lanes. One step of a checksum waits for the one before
// it, and the steps of different lanes do not wait for each other.
const (
	lanes      = 4
	laneBytes  = 1 << 10
	blockBytes = lanes * laneBytes
)

// slices has, for a byte with so many bytes after it, what it adds to the state.
type slices [8][256]uint64

type tables struct {
	step slices // 8 bytes of content
	skip slices // laneBytes of zeros
	one  *crc64.Table
}

var table = sync.OnceValue(func() *tables {
	t := &tables{one: crc64.MakeTable(polynomial)}
	t.step[0] = *t.one
	for i := range 256 {
		crc := t.step[0][i]
		for j := 1; j < 8; j++ {
			crc = t.one[byte(crc)] ^ crc>>8
			t.step[j][i] = crc
		}
	}
	for j := range t.skip {
		for i := range 256 {
			crc := uint64(i) << (56 - 8*j)
			for range laneBytes / 8 {
				crc = t.step.apply(crc)
			}
			t.skip[j][i] = crc
		}
	}
	return t
})

// apply is linear: apply(a^b) is apply(a)^apply(b).
func (s *slices) apply(crc uint64) uint64 {
	return s[7][byte(crc)] ^ s[6][byte(crc>>8)] ^ s[5][byte(crc>>16)] ^ s[4][byte(crc>>24)] ^
		s[3][byte(crc>>32)] ^ s[2][byte(crc>>40)] ^ s[1][byte(crc>>48)] ^ s[0][byte(crc>>56)]
}

type digest struct {
	t   *tables
	crc uint64
}

// New returns a hash whose Sum is big-endian, as hash/crc64 has it.
func New() hash.Hash64 { return &digest{t: table()} }

func (d *digest) Size() int           { return Size }
func (d *digest) BlockSize() int      { return 1 }
func (d *digest) Reset()              { d.crc = 0 }
func (d *digest) Sum64() uint64       { return d.crc }
func (d *digest) Sum(b []byte) []byte { return binary.BigEndian.AppendUint64(b, d.crc) }

// Write never fails.
func (d *digest) Write(p []byte) (int, error) {
	n := len(p)
	crc := ^d.crc
	for ; len(p) >= blockBytes; p = p[blockBytes:] {
		crc = d.t.block(crc, (*[blockBytes]byte)(p))
	}
	d.crc = crc64.Update(^crc, d.t.one, p)
	return n, nil
}

// block returns the state after a block.
func (t *tables) block(a uint64, p *[blockBytes]byte) uint64 {
	var b, c, d uint64
	for i := 0; i <= laneBytes-8; i += 8 {
		a = t.step.apply(a ^ binary.LittleEndian.Uint64(p[i:]))
		b = t.step.apply(b ^ binary.LittleEndian.Uint64(p[laneBytes+i:]))
		c = t.step.apply(c ^ binary.LittleEndian.Uint64(p[2*laneBytes+i:]))
		d = t.step.apply(d ^ binary.LittleEndian.Uint64(p[3*laneBytes+i:]))
	}
	// A lane that begins with a state of zero adds to what precedes it.
	return t.skip.apply(t.skip.apply(t.skip.apply(a)^b)^c) ^ d
}
