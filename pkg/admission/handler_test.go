package admission_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/directfs/runsc/pkg/admission"
)

func TestHandler(t *testing.T) {
	var seen []admission.Verdict
	h := &admission.Handler{Reviewer: reviewer, Concurrent: make(chan struct{}, 1), Observe: func(v admission.Verdict, _ time.Duration, err error) {
		if err == nil {
			seen = append(seen, v)
		}
	}}
	good := ask("CREATE", pod("runsc", note("directfs", "maybe")), "", "")
	for name, tt := range map[string]struct {
		method, contentType, body string
		code                      int
		text                      string
	}{
		"a review":        {"POST", "application/json", good, 200, `"allowed":false`},
		"with a charset":  {"POST", "application/json; charset=utf-8", good, 200, `"allowed":false`},
		"a GET":           {"GET", "", "", 405, `method "GET"; allowed: POST`},
		"another type":    {"POST", "application/yaml", good, 415, `allowed: application/json`},
		"no type":         {"POST", "", good, 415, "Content-Type"},
		"no JSON":         {"POST", "application/json", "kind: AdmissionReview", 400, "not an AdmissionReview"},
		"too large":       {"POST", "application/json", `"` + strings.Repeat("x", admission.MaxBody) + `"`, 413, "larger than"},
		"another version": {"POST", "application/json", strings.Replace(good, "k8s.io/v1", "k8s.io/v2\x1b", 1), 400, `invalid character '\x1b'`},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(tt.method, "/validate", strings.NewReader(tt.body))
		r.Header.Set("Content-Type", tt.contentType)
		h.ServeHTTP(w, r)
		if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.text) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w.Code == http.StatusOK && w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
	if len(seen) != 2 || seen[0].Name != "p" || seen[0].Namespace != "n" || seen[0].Outcome != admission.Refused {
		t.Errorf("seen: %+v", seen)
	}
}

// What is there at once is bounded, and room comes back.
func TestBusy(t *testing.T) {
	body := ask("CREATE", pod("runsc", ""), "", "")
	h := &admission.Handler{Reviewer: reviewer, MaxHeld: int64(len(body)) + 10}
	post := func(body io.Reader) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/validate", body)
		r.Header.Set("Content-Type", "application/json")
		h.ServeHTTP(w, r)
		return w
	}
	in, out := io.Pipe()
	first := make(chan int)
	go func() {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/validate", in)
		r.Header.Set("Content-Type", "application/json")
		r.ContentLength = int64(len(body))
		h.ServeHTTP(w, r)
		first <- w.Code
	}()
	if _, err := io.WriteString(out, body[:1]); err != nil { // it reads, so it has reserved
		t.Fatal(err)
	}
	if w := post(strings.NewReader(body)); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "busy: ") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := io.WriteString(out, body[1:]); err != nil {
		t.Fatal(err)
	}
	out.Close()
	if code := <-first; code != http.StatusOK {
		t.Error(code)
	}
	if w := post(strings.NewReader(body)); w.Code != http.StatusOK {
		t.Errorf("room did not come back: %d %s", w.Code, w.Body)
	}
	if w := post(struct{ io.Reader }{strings.NewReader(body)}); w.Code != http.StatusServiceUnavailable {
		t.Errorf("of unknown length: %d", w.Code)
	}
}
