package dirbucket

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
)

// weird are keys that cannot be paths, or look like what an escaped key is.
var weird = []string{
	"a/b", "a-b", "a/", "a.", "dir/", "dir/x", "dir//x", "dir//", "..x", "x/../y", "../up", "x../", "a\x01\nb", "\x1f/\x02",
	"__0x2f__", "a__0x2f", "a__0x2f_/", "__0x2f/", "__0x__", "__0x-2f__", "_/__0x1__/", "dir__0x2f__", "☺/☺☺", "a b\"'*?\\",
	"deep/er/and/deeper", "deep/er-", "deep/er.", "deep/", "z",
}

func both(t *testing.T) (dir string, ours, theirs *blob.Bucket) {
	t.Helper()
	dir = t.TempDir()
	ours, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return dir, ours, theirs
}

// What one writes, the other reads, in files of the same names.
func TestAsFileblob(t *testing.T) {
	for _, ours := range []bool{true, false} {
		t.Run(fmt.Sprint(ours), func(t *testing.T) {
			dir, a, b := both(t)
			from, to := b, a
			if ours {
				from, to = a, b
			}
			for _, key := range weird {
				o := &blob.WriterOptions{ContentType: "text/weird", CacheControl: "none", Metadata: map[string]string{"k": key}}
				if err := from.WriteAll(t.Context(), key, []byte("of "+key), o); err != nil {
					t.Fatalf("%q: %v", key, err)
				}
			}
			for _, key := range weird {
				want, err := from.Attributes(t.Context(), key)
				if err != nil {
					t.Fatalf("%q: %v", key, err)
				}
				got, err := to.Attributes(t.Context(), key)
				if err != nil || got.ContentType != "text/weird" || got.CacheControl != want.CacheControl || got.Size != want.Size ||
					!bytes.Equal(got.MD5, want.MD5) || got.ETag != want.ETag || !got.ModTime.Equal(want.ModTime) || !maps.Equal(got.Metadata, want.Metadata) {
					t.Errorf("%q: %+v, %v, want %+v", key, got, err, want)
				}
				if content, err := to.ReadAll(t.Context(), key); err != nil || string(content) != "of "+key {
					t.Errorf("%q: %q, %v", key, content, err)
				}
				if err := to.Delete(t.Context(), key); err != nil {
					t.Errorf("%q: %v", key, err)
				}
			}
			filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
				if err != nil || !e.IsDir() {
					t.Errorf("%s is left, %v", path, err)
				}
				return nil
			})
		})
	}
}

// Listings have all keys of a prefix, in order, in pages of any size. Those of
// fileblob are the same if nothing is asked for.
func TestLists(t *testing.T) {
	_, ours, theirs := both(t)
	for _, key := range weird {
		if err := ours.WriteAll(t.Context(), key, []byte(key), nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := listing(t, theirs, "", "", 1000); !maps.Equal(got, wantListing("", "")) {
		t.Errorf("fileblob lists %v", got)
	}
	for _, prefix := range []string{"", "a", "d", "dir", "dir/", "dir//", "deep/er", "deep/er/", "x/../", "../", "_", "none/", "z/", "\x1f/"} {
		for _, delimiter := range []string{"", "/", "e", "er"} {
			want := wantListing(prefix, delimiter)
			for _, size := range []int{1, 2, 3, 999} {
				if got := listing(t, ours, prefix, delimiter, size); !maps.Equal(got, want) {
					t.Errorf("prefix %q, delimiter %q, %d a page: %v, want %v", prefix, delimiter, size, got, want)
				}
			}
		}
	}
}

func wantListing(prefix, delimiter string) map[string]bool {
	want := map[string]bool{}
	for _, key := range weird {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		if before, _, ok := strings.Cut(rest, delimiter); ok && delimiter != "" {
			key = prefix + before + delimiter
		}
		want[key] = true
	}
	return want
}

// listing fails for what is out of order or there twice.
func listing(t *testing.T, b *blob.Bucket, prefix, delimiter string, size int) map[string]bool {
	t.Helper()
	all, last := map[string]bool{}, ""
	for token := blob.FirstPageToken; len(token) > 0; {
		page, next, err := b.ListPage(t.Context(), token, size, &blob.ListOptions{Prefix: prefix, Delimiter: delimiter})
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		for _, o := range page {
			if o.Key <= last && size < 1000 {
				t.Errorf("prefix %q, delimiter %q, %d a page: %q after %q", prefix, delimiter, size, o.Key, last)
			}
			last = o.Key
			all[o.Key] = true
		}
		token = next
	}
	return all
}

// Names that no key has are not listed: nobody could open them.
func TestNamesOfOthers(t *testing.T) {
	dir, ours, _ := both(t)
	for _, name := range []string{"a__0x2f__b", "x/__0x61__", "plain"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := listing(t, ours, "", "", 9); len(got) != 1 || !got["plain"] {
		t.Errorf("listed: %v", got)
	}
}

func TestKeysWithoutPaths(t *testing.T) {
	_, ours, _ := both(t)
	for _, key := range []string{"/a", "./a", "a/./b", "..", ".", "a/..", "x.attrs"} {
		if err := ours.WriteAll(context.Background(), key, nil, nil); err == nil {
			t.Errorf("%q is written", key)
		}
		if ok, err := ours.Exists(context.Background(), key); ok || err != nil {
			t.Errorf("%q: %v, %v", key, ok, err)
		}
	}
}

// A write that ends early, and one that must not overwrite, leave nothing.
func TestNothingIsLeft(t *testing.T) {
	dir, ours, _ := both(t)
	if err := ours.WriteAll(t.Context(), "a", []byte("first"), &blob.WriterOptions{Metadata: map[string]string{"by": "me"}}); err != nil {
		t.Fatal(err)
	}
	if err := ours.WriteAll(t.Context(), "a", []byte("second"), &blob.WriterOptions{IfNotExist: true}); err == nil {
		t.Error("overwritten")
	}
	ctx, cancel := context.WithCancel(t.Context())
	w, err := ours.NewWriter(ctx, "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(make([]byte, 4096))
	cancel()
	if err := w.Close(); err == nil {
		t.Error("a canceled write succeeds")
	}
	a, err := ours.Attributes(t.Context(), "a")
	if err != nil || a.Size != 5 || a.Metadata["by"] != "me" {
		t.Errorf("%+v, %v", a, err)
	}
	if names, err := os.ReadDir(dir); len(names) != 2 {
		t.Errorf("there are %v, %v", names, err)
	}
}

func FuzzEscape(f *testing.F) {
	for _, key := range weird {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if got := unescape(escape(key)); got != key {
			t.Errorf("%q became %q, then %q", key, escape(key), got)
		}
	})
}
