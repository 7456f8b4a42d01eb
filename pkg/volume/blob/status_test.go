package blob

import (
	"context"
	"errors"
	"net/http"
	"syscall"
	"testing"

	"gocloud.dev/gcerrors"
)

// errLikeMissing is an answer with another status that the library takes for one that
// an object is not there.
var errLikeMissing = func() error {
	b, _ := newFaulty()
	defer b.Close()
	_, err := b.Attributes(context.Background(), "none")
	return err
}()

// A store that refuses, or does not answer, is not one that has no such object: nothing
// passes for deleted, absent or another writer's.
func TestRefusedIsNotMissing(t *testing.T) {
	if gcerrors.Code(errLikeMissing) != gcerrors.NotFound {
		t.Fatal(errLikeMissing)
	}
	for status, want := range map[int]error{http.StatusForbidden: syscall.EACCES, http.StatusUnauthorized: syscall.EACCES,
		http.StatusMovedPermanently: syscall.EIO, http.StatusTooManyRequests: syscall.EIO, 0: syscall.EIO} {
		refused := true
		k := newKit(t, func(c *Config) {
			c.Status = func(err error) int {
				if refused && errors.Is(err, errLikeMissing) {
					return status
				}
				return http.StatusNotFound
			}
		}, "a", "b")
		h := k.openFile("a", rw)
		k.writeAt(h, "mine", 0)
		k.lookup("b")
		k.set(func(r Request, _ string) fault {
			if r == RequestList {
				return fault{}
			}
			return fault{before: errLikeMissing}
		})
		k.wantErr(h.Flush(k.ctx), want)
		k.wantErr(h.Close(k.ctx), want)
		k.wantErr(k.remove("b", false), want)
		k.wantErr(k.rename("b", "c"), want)
		_, err := k.v.Open(k.ctx, k.lookup("b").ID, ro)
		k.wantErr(err, want)
		k.wantNames("", "a b")
		k.heal()
		k.wantFile("a", "mineent of a") // still staged
		h = k.openFile("a", rw)
		k.must(h.Close(k.ctx))
		k.wantObject("a", "mineent of a")
		k.wantObject("b", "content of b")
	}
}
