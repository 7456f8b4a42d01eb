package blob

import (
	"context"
	"syscall"

	"gocloud.dev/blob"
)

// object is one result of a listing: an object, or a common prefix.
type object struct {
	key    string
	prefix bool
	version
}

// pageSize is what S3, GCS and Azure return at most in one request.
const pageSize = 1000

// entryBytes is a length of keys: a longer one counts as two objects or more, so that
// their number bounds the memory.
const entryBytes = 128

// callsAtOnce is how many listings there can be at once, as volume.DefaultLimits has
// it: together they have no more objects than one large one.
const callsAtOnce = 64

// list returns the objects below a prefix, up to about most, and whether there
// are more. With deep unset it ends at the next slash. Of large listings one is made
// at a time: they take memory.
func (s store) list(ctx context.Context, prefix string, deep bool, most int) (all []object, more bool, err error) {
	o := &blob.ListOptions{Prefix: prefix}
	if !deep {
		o.Delimiter = "/"
	}
	token, left, alone := blob.FirstPageToken, most, false
	for len(token) > 0 {
		if left <= 0 {
			return all, true, nil
		}
		if !alone && len(all) > s.c.ListEntries/callsAtOnce {
			if err := s.large.lock(ctx); err != nil {
				return nil, false, err
			}
			defer s.large.unlock()
			alone = true
		}
		var page []*blob.ListObject
		err := s.request(ctx, RequestList, prefix, 0, func(ctx context.Context) (err error) {
			page, token, err = s.bucket.ListPage(ctx, token, min(s.c.PageObjects, left), o)
			return err
		})
		if isNotFound(err) {
			err = &StoreError{Request: RequestList, Key: prefix, Errno: syscall.EIO, Err: err}
		}
		if err != nil {
			return nil, false, err
		}
		for _, p := range page {
			all = append(all, object{p.Key, p.IsDir, version{size: p.Size, mod: p.ModTime, md5: p.MD5}})
			if left--; !deep {
				left -= len(p.Key) / entryBytes
			}
		}
	}
	return all, false, nil
}
