package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"gocloud.dev/blob/memblob"

	"github.com/directfs/runsc/pkg/volume"
)

// Operations at random, compared with a map, and with the bucket in the end.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(25) {
		k := newKit(t, nil)
		r := rand.New(rand.NewPCG(seed, 7))
		model := map[string]string{}
		paths := []string{"a", "b", "d/a", "d/b"}
		_, err := k.v.Mkdir(k.ctx, k.lookup("").ID, "d", volume.NewFile{})
		k.must(err)
		for i := range 80 {
			p, q := paths[r.IntN(4)], paths[r.IntN(4)]
			old, there := model[p]
			switch op := r.IntN(6); {
			case !there:
				model[p] = fmt.Sprint(seed, i)
				k.write(p, model[p])
			case op == 0:
				k.must(k.remove(p, false))
				delete(model, p)
			case op < 3 && p != q:
				k.must(k.rename(p, q))
				model[q] = old
				delete(model, p)
			case op == 3:
				h := k.openFile(p, rw)
				k.writeAt(h, "+", int64(len(old)))
				k.must(h.Close(k.ctx))
				model[p] = old + "+"
			case op == 4:
				k.relist()
			default:
				k.wantFile(p, old)
			}
		}
		for _, p := range paths {
			if want, there := model[p]; there {
				k.wantFile(p, want)
				k.wantObject(p, want)
			} else {
				k.wantNoObject(p)
			}
		}
	}
}

func TestConfig(t *testing.T) {
	b := memblob.OpenBucket(nil)
	defer b.Close()
	for name, c := range map[string]Config{
		"no bucket":        {Dir: "x"},
		"no directory":     {Bucket: b},
		"prefix":           {Bucket: b, Dir: "x", Prefix: "a"},
		"cached object":    {Bucket: b, Dir: "x", CacheBytes: 1, CacheObjectBytes: 2},
		"memory":           {Bucket: b, Dir: "x", MemoryBytes: 1},
		"type bits":        {Bucket: b, Dir: "x", FileMode: fs.ModeDir},
		"negative timeout": {Bucket: b, Dir: "x", RequestTimeout: -1},
	} {
		if _, err := c.withDefaults(); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDirectoryHasOneVolume(t *testing.T) {
	k := newKit(t, nil)
	if _, err := Open(k.ctx, k.c); err == nil || !strings.Contains(err.Error(), "another volume") {
		t.Fatal(err)
	}
}
