package stores

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
)

const (
	generationTimeout = 30 * time.Second
	generationsMax    = 10_000
)

// state is one state of an object in Google Cloud Storage.
type state struct{ bucket, object, etag string }

// generations knows the generation of each state that was asked for: the store
// compares generations, not ETags. What it knows never becomes wrong.
type generations struct {
	mu    sync.Mutex
	known map[state]int64
}

func newGenerations() *generations { return &generations{known: map[state]int64{}} }

// conditions returns those of a write and of a read.
func (g *generations) conditions() (write, read condition) {
	set := func(as func(any) bool, etag string) error {
		var object **storage.ObjectHandle
		if !as(&object) {
			return errHidden
		}
		generation, err := g.of(*object, etag)
		if err != nil {
			return err
		}
		*object = (*object).If(storage.Conditions{GenerationMatch: generation})
		return nil
	}
	return set, set
}

// of asks for the generation once. An object that changed already fails here, as
// the store would let it fail; one that changes later is noticed by the store.
func (g *generations) of(object *storage.ObjectHandle, etag string) (int64, error) {
	etag = unquoted(etag)
	key := state{object.BucketName(), object.ObjectName(), etag}
	g.mu.Lock()
	generation, ok := g.known[key]
	g.mu.Unlock()
	if ok {
		return generation, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), generationTimeout)
	defer cancel()
	attrs, err := object.Attrs(ctx)
	switch {
	case errors.Is(err, storage.ErrObjectNotExist) || err == nil && unquoted(attrs.Etag) != etag:
		return 0, &googleapi.Error{Code: 412, Message: "the object has no longer the ETag " + etag}
	case err != nil:
		return 0, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.known) >= generationsMax {
		clear(g.known)
	}
	g.known[key] = attrs.Generation
	return attrs.Generation, nil
}

// unquoted returns an ETag without quotes, which gocloud.dev adds to what the store says.
func unquoted(etag string) string { return strings.Trim(etag, `"`) }
