package admission

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync/atomic"
	"time"
)

// MaxBody is the largest AdmissionReview that is read. The API server takes
// objects of 3 MiB at most, and an update has two.
const MaxBody = 8 << 20

// Handler answers AdmissionReviews over HTTP: with 400, 405, 413 or 415 and words
// what is none, and with 503 what there is no room for.
type Handler struct {
	Reviewer Reviewer

	// Concurrent is how many reviews are computed at once, each of which may need
	// memory of several times its size; others wait for their turn. Nil: any
	// number.
	Concurrent chan struct{}

	// MaxHeld bounds the bytes of the reviews that are read, wait or are computed;
	// who comes when there are more is turned away with 503. 0: any number.
	MaxHeld int64
	held    atomic.Int64

	// Observe, if it is there, learns of every review. err is why there was no
	// answer, and the time is that of reading, waiting and deciding.
	Observe func(v Verdict, took time.Duration, err error)
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	answer, v, err := h.answer(w, r)
	if h.Observe != nil {
		h.Observe(v, time.Since(start), err)
	}
	if err != nil {
		code := http.StatusBadRequest
		var e *httpError
		if errors.As(err, &e) {
			code = e.code
		}
		http.Error(w, shorten(printable(err.Error()), maxFinding), code)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // to a client that may be gone
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request) ([]byte, Verdict, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, Verdict{}, &httpError{http.StatusMethodNotAllowed, fmt.Errorf("method %q; allowed: POST", shorten(r.Method, 100))}
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return nil, Verdict{}, &httpError{http.StatusUnsupportedMediaType, fmt.Errorf("Content-Type=%q; allowed: application/json", shorten(r.Header.Get("Content-Type"), 100))}
	}
	size, err := h.hold(r)
	if err != nil {
		return nil, Verdict{}, err
	}
	defer h.held.Add(-size)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, Verdict{}, &httpError{http.StatusRequestEntityTooLarge, fmt.Errorf("the review is larger than %d bytes", int64(MaxBody))}
		}
		return nil, Verdict{}, &httpError{http.StatusBadRequest, fmt.Errorf("reading the review: %w", err)}
	}
	if h.Concurrent != nil {
		select {
		case h.Concurrent <- struct{}{}:
			defer func() { <-h.Concurrent }()
		case <-r.Context().Done():
			return nil, Verdict{}, &httpError{http.StatusServiceUnavailable, fmt.Errorf("the client has left: %w", r.Context().Err())}
		}
	}
	return h.Reviewer.Review(body)
}

// hold reserves what a review will need, before anything of it is read.
func (h *Handler) hold(r *http.Request) (size int64, err error) {
	// The API server says how much comes. Who does not may send all there can be.
	if size = r.ContentLength; size < 0 || size > MaxBody {
		size = MaxBody
	}
	if now := h.held.Add(size); h.MaxHeld > 0 && now > h.MaxHeld {
		h.held.Add(-size)
		return 0, &httpError{http.StatusServiceUnavailable, fmt.Errorf("busy: %d bytes of reviews are waiting; allowed: %d", now-size, h.MaxHeld)}
	}
	return size, nil
}

// httpError is an error with the status of its answer.
type httpError struct {
	code int
	error
}

func (e *httpError) Unwrap() error { return e.error }
