package volume_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/directfs/runsc/pkg/volume"
)

// wrapped hides what files can do, and file systems too.
type wrapped struct {
	fsys fs.FS
	wrap func(fs.File) fs.File
}

func (w wrapped) Open(name string) (fs.File, error) {
	f, err := w.fsys.Open(name)
	if _, ok := f.(fs.ReadDirFile); ok || err != nil || w.wrap == nil {
		return f, err
	}
	return w.wrap(f), nil
}

func seekOnly(f fs.File) fs.File {
	return struct {
		fs.File
		io.Seeker
	}{f, f.(io.Seeker)}
}

func readOnly(f fs.File) fs.File { return struct{ fs.File }{f} }

// generated is a file system of files whose bytes are made up when they are read.
// It counts how often a file is opened.
type generated struct {
	fs.FS // the attributes
	size  int64

	mu     sync.Mutex
	opened int
	closed int
}

func (g *generated) Open(name string) (fs.File, error) {
	f, err := g.FS.Open(name)
	if _, ok := f.(fs.ReadDirFile); ok || err != nil {
		return f, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opened++
	return &generatedFile{File: f, g: g}, nil
}

type generatedFile struct {
	fs.File
	g   *generated
	pos int64
}

func byteAt(off int64) byte { return byte(off ^ off>>8 ^ off>>16 ^ off>>24) }

func (f *generatedFile) Read(p []byte) (int, error) {
	n := int(min(int64(len(p)), f.g.size-f.pos, 1000))
	if n == 0 {
		return 0, io.EOF
	}
	for i := range p[:n] {
		p[i] = byteAt(f.pos + int64(i))
	}
	f.pos += int64(n)
	return n, nil
}

func (f *generatedFile) Close() error {
	f.g.mu.Lock()
	defer f.g.mu.Unlock()
	f.g.closed++
	return f.File.Close()
}

func generate(size int64) *generated {
	return &generated{FS: fstest.MapFS{"a": {}, "b": {}}, size: size}
}

func checkAt(t *testing.T, h volume.Handle, off, size int64) {
	t.Helper()
	b := make([]byte, 5000)
	n, err := h.ReadAt(ctx, b, off)
	if want := max(0, min(5000, size-off)); int64(n) != want || (n < 5000) != (err == io.EOF) {
		t.Fatalf("%d bytes at %d, %v, want %d", n, off, err, want)
	}
	for i, c := range b[:n] {
		if c != byteAt(off+int64(i)) {
			t.Fatalf("wrong byte at %d", off+int64(i))
		}
	}
}

func TestStreamIsReadAtAnyPlace(t *testing.T) {
	const block = 256 << 10
	for name, size := range map[string]int64{
		"empty": 0, "less than a block": 1234, "one block": block, "a byte more": block + 1, "many blocks": 20*block + 77,
	} {
		t.Run(name, func(t *testing.T) {
			g := generate(size)
			h := openFile(t, volume.FromFS(g), "a")
			for _, off := range []int64{size, size + block, 0, size - 1, block - 1, block, size / 2, size - 4000, 3} {
				if off >= 0 {
					checkAt(t, h, off, size)
				}
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 50 {
				checkAt(t, h, random.Int64N(size+10), size)
			}
			if g.opened > 6 {
				t.Errorf("opened %d times", g.opened)
			}
			h.Close(ctx)
			if g.opened != g.closed {
				t.Errorf("opened %d times and closed %d times", g.opened, g.closed)
			}
		})
	}
}

func TestStreamsShareBoundedMemory(t *testing.T) {
	const size = 64 << 20
	v := volume.FromFS(generate(size))
	one, two := openFile(t, v, "a"), openFile(t, v, "b")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b := make([]byte, 1<<20)
	for off := int64(0); off < size; off += int64(len(b)) {
		for _, h := range []volume.Handle{one, two} {
			if _, err := h.ReadAt(ctx, b, off); err != nil {
				t.Fatal(err)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 80<<20 {
		t.Errorf("%d MiB are held", grown>>20)
	}
	runtime.KeepAlive(v)
}

func TestStreamHasManyReaders(t *testing.T) {
	const size = 3 << 20
	h := openFile(t, volume.FromFS(generate(size)), "a")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for off := int64(i) * 5000; off < size; off += 20_000 {
				checkAt(t, h, off, size)
			}
		})
	}
	wg.Wait()
}

// failing is a stream that fails in its middle, a few times.
type failing struct {
	*generated
	left int
}

var errBroken = errors.New("broken")

func (f *failing) Open(name string) (fs.File, error) {
	file, err := f.generated.Open(name)
	if g, ok := file.(*generatedFile); ok {
		return &failingFile{g, f}, nil
	}
	return file, err
}

type failingFile struct {
	*generatedFile
	f *failing
}

func (f *failingFile) Read(p []byte) (int, error) {
	if f.pos > f.g.size/2 && f.f.left > 0 {
		f.f.left--
		return 0, errBroken
	}
	return f.generatedFile.Read(p)
}

func TestStreamThatFailsIsOpenedAgain(t *testing.T) {
	const size = 2 << 20
	h := openFile(t, volume.FromFS(&failing{generate(size), 1}), "a")
	if _, err := h.ReadAt(ctx, make([]byte, size), 0); !errors.Is(err, errBroken) {
		t.Fatalf("error %v", err)
	}
	checkAt(t, h, size-5000, size)
}

func TestStreamStopsWithItsContext(t *testing.T) {
	h := openFile(t, volume.FromFS(generate(1<<30)), "a")
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := h.ReadAt(done, make([]byte, 1), 1<<29); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
