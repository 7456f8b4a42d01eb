package crc64nvme

import (
	"encoding/hex"
	"hash/crc64"
	"math/rand/v2"
	"testing"
)

func content(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	r.Read(b)
	return b
}

// The check value is that of the catalogue of parametrised CRC algorithms.
func TestCheckValue(t *testing.T) {
	h := New()
	h.Write([]byte("123456789"))
	if got := hex.EncodeToString(h.Sum(nil)); got != "ae8b14860a799888" {
		t.Fatal(got)
	}
}

// All sizes around those of lanes and blocks, in one piece and in two.
func TestSameAsStandardLibrary(t *testing.T) {
	all := content(3*blockBytes + 9)
	standard := crc64.MakeTable(polynomial)
	for _, n := range []int{0, 1, 7, 8, 9, laneBytes - 1, laneBytes, laneBytes + 1, blockBytes - 1, blockBytes, blockBytes + 1,
		2 * blockBytes, 2*blockBytes + 13, len(all)} {
		want := crc64.Checksum(all[:n], standard)
		for _, cut := range []int{0, 1, 5, laneBytes + 3, blockBytes, blockBytes + 8} {
			cut = min(cut, n)
			h := New()
			h.Write(all[:cut])
			h.Write(all[cut:n])
			if got := h.Sum64(); got != want {
				t.Errorf("%d bytes cut at %d: %x, want %x", n, cut, got, want)
			}
		}
	}
}

func FuzzSameAsStandardLibrary(f *testing.F) {
	f.Add([]byte("some"), uint16(3), uint16(blockBytes))
	standard := crc64.MakeTable(polynomial)
	f.Fuzz(func(t *testing.T, b []byte, repeat, cut uint16) {
		var all []byte
		for range repeat % 1000 {
			all = append(all, b...)
		}
		h := New()
		h.Write([]byte("before reset"))
		h.Reset()
		at := min(int(cut), len(all))
		h.Write(all[:at])
		h.Write(all[at:])
		if got, want := h.Sum64(), crc64.Checksum(all, standard); got != want {
			t.Fatalf("%d bytes cut at %d: %x, want %x", len(all), at, got, want)
		}
	})
}

func BenchmarkChecksum(b *testing.B) {
	p := content(128 << 10)
	for name, write := range map[string]func(){
		"ours":     func() { New().Write(p) },
		"standard": func() { crc64.New(crc64.MakeTable(polynomial)).Write(p) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				write()
			}
		})
	}
}
