package blob

import (
	"bytes"
	"time"

	"gocloud.dev/blob"
)

// version is what is known of one state of an object. A listing knows no ETag, a
// reader of content knows neither ETag nor MD5.
type version struct {
	size int64
	mod  time.Time
	etag string
	md5  []byte
}

func versionOf(a *blob.Attributes) version {
	return version{size: a.Size, mod: a.ModTime, etag: a.ETag, md5: a.MD5}
}

// same reports whether two versions can be the same state. Some stores give
// times in seconds in one place and finer in another.
func (v version) same(o version) bool {
	switch {
	case v.size != o.size:
		return false
	case v.etag != "" && o.etag != "":
		return v.etag == o.etag
	case v.md5 != nil && o.md5 != nil && !bytes.Equal(v.md5, o.md5):
		return false
	case v.mod.Nanosecond() == 0 || o.mod.Nanosecond() == 0 || millis(v.mod) || millis(o.mod):
		return v.mod.Unix() == o.mod.Unix()
	}
	return v.mod.Equal(o.mod)
}

// millis reports whether a time has no more than milliseconds.
func millis(t time.Time) bool { return t.Nanosecond()%int(time.Millisecond) == 0 }

// merge adds to a version what another source knows of the same state.
func (v version) merge(o version) version {
	if v.etag == "" {
		v.etag = o.etag
	}
	if v.md5 == nil {
		v.md5 = o.md5
	}
	return v
}

// shown is the time that an application sees: all sources agree on seconds.
func (v version) shown() time.Time { return v.mod.Truncate(time.Second) }
