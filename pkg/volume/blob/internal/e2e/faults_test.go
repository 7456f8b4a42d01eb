package e2e

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// fault spoils a request to the store.
type fault func(w http.ResponseWriter, r *http.Request, store http.Handler)

// spoil lets requests of the method for objects of the bucket shelf fail, until it
// is called with nil. Listings and the other bucket go on.
func (l *lab) spoil(method string, f fault) {
	if f == nil {
		l.store.Intercept(nil)
		return
	}
	l.store.Intercept(func(store http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != method || !strings.HasPrefix(r.URL.Path, "/shelf/") || r.URL.Query().Has("list-type") {
				store.ServeHTTP(w, r)
				return
			}
			f(w, r, store)
		})
	})
}

func answers(status int) fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
	}
}

// hangs answers nothing, until the client goes.
func hangs(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body) // only then the server notices
	<-r.Context().Done()
}

// resets resets the connection in the middle of the body.
func resets(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
	drop(w)
}

// losesAnswer does what was asked for and then resets the connection.
func losesAnswer(w http.ResponseWriter, r *http.Request, store http.Handler) {
	store.ServeHTTP(new(recorded), r)
	drop(w)
}

// once is a fault of the first request only.
func once(f fault) fault {
	var did atomic.Bool
	return func(w http.ResponseWriter, r *http.Request, store http.Handler) {
		if did.Swap(true) {
			store.ServeHTTP(w, r)
			return
		}
		f(w, r, store)
	}
}

// lies says that all is well, and does nothing.
func lies(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("ETag", `"d41d8cd98f00b204e9800998ecf8427e"`)
}

func drop(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}

// announces answers with a body that the store has, cut to some bytes, and a
// length that is changed.
func announces(send, length func(size int) int) fault {
	return func(w http.ResponseWriter, r *http.Request, store http.Handler) {
		var answer recorded
		store.ServeHTTP(&answer, r)
		size := answer.body.Len()
		for k, v := range answer.Header() {
			w.Header()[k] = v
		}
		w.Header().Set("Content-Length", strconv.Itoa(length(size)))
		w.WriteHeader(answer.status)
		body := append(answer.body.Bytes(), make([]byte, size)...)
		_, _ = w.Write(body[:send(size)])
	}
}

// recorded keeps an answer.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}
func (r *recorded) WriteHeader(status int)      { r.status = status }
func (r *recorded) Write(p []byte) (int, error) { return r.body.Write(p) }

// The container learns from close(2) that a file is not in the store. Everything
// else goes on, and when the store works again the file can be stored.
func TestUploadFails(t *testing.T) {
	faults := []struct {
		name, want string
		fault      fault
	}{
		{"broken", "EIO", answers(http.StatusInternalServerError)},
		{"overloaded", "EIO", answers(http.StatusServiceUnavailable)},
		{"forbidden", "EACCES", answers(http.StatusForbidden)},
		{"reset", "EIO", resets},
		{"lies", "ENOENT", lies},
		{"answers-lost", "EIO", losesAnswer},
		{"answer-lost", "ok", once(losesAnswer)},
		{"broken-once", "ok", once(answers(http.StatusInternalServerError))},
	}
	var steps []string
	for _, f := range faults {
		path := "/v/" + f.name
		steps = append(steps, "open f create "+path, "write f "+f.name, "close f", "cat "+path, "open f rw "+path, "close f")
	}
	l := newLab(t, patient)
	c := l.script(t, steps, mount("/v", "shelf"), mount("/o", "other"), mountDirectory)
	for _, f := range faults {
		t.Log(f.name)
		step(t, c, "ok")
		step(t, c, "ok")
		l.spoil(http.MethodPut, f.fault)
		step(t, c, f.want)
		step(t, c, f.name) // it can be read
		expectOthers(t, c)
		l.spoil("", nil)
		step(t, c, "ok")
		step(t, c, "ok")
		l.expectObject(t, f.name, f.name)
	}
	l.remove(t, c)
	l.expectClean(t)
}

// A store that sends too little, something else or nothing is an error of the call
// that reads.
func TestReadFails(t *testing.T) {
	all := func(n int) int { return n }
	half := func(n int) int { return n / 2 }
	twice := func(n int) int { return 2 * n }
	l := newLab(t, patient)
	c := l.script(t, []string{"list /v"}, mount("/v", "shelf"), mount("/o", "other"), mountDirectory)
	// What a range has too much is not read.
	for kind, size := range map[string]int{"whole": 3000, "ranges": 200_000} {
		for name, f := range map[string]struct {
			want  string
			fault fault
		}{
			"broken":    {"input/output error", answers(http.StatusInternalServerError)},
			"forbidden": {"permission denied", answers(http.StatusForbidden)},
			"reset":     {"input/output error", resets},
			"short":     {"input/output error", announces(half, all)},
			"shorter":   {"input/output error", announces(half, half)},
			"longer":    {"input/output error", announces(twice, twice)},
		} {
			if kind == "ranges" && name == "longer" {
				f.want = ""
			}
			t.Run(kind+" "+name, func(t *testing.T) {
				key := kind + "-" + name
				content := strings.Repeat(name, size)[:size]
				l.put(t, "shelf", key, content)
				l.spoil(http.MethodGet, f.fault)
				r, err := c.Exec(t.Context(), "hash", "/v/"+key)
				if err != nil || (r.ExitCode == 0) != (f.want == "") || !strings.Contains(r.Stderr, f.want) {
					t.Errorf("%+v, %v, want %s", r, err, f.want)
				}
				expectOthers(t, c)
				l.spoil("", nil)
				expectGuest(t, c, hash([]byte(content)), "hash", "/v/"+key)
			})
		}
	}
	l.remove(t, c)
	l.expectClean(t)
}

// A truncation that fails is an error: otherwise the application would believe that
// what follows its text is gone.
func TestTruncateFails(t *testing.T) {
	l := newLab(t, patient)
	l.put(t, "shelf", "file", "the old content")
	c := l.script(t, []string{"open f rw /v/file", "truncate f 0", "write f new", "close f", "end /v"}, mount("/v", "shelf"))
	step(t, c, "ok")
	l.spoil(http.MethodHead, answers(http.StatusForbidden))
	step(t, c, "EACCES")
	l.spoil("", nil)
	step(t, c, "ok")
	step(t, c, "ok")
	l.remove(t, c)
	l.expectClean(t)
}
