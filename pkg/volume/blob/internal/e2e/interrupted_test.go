package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/directfs/runsc/runsc/harness"
	"golang.org/x/sys/unix"
)

// A process that is killed in the middle of the upload of a large file leaves the
// object as it was, or whole.
func TestUploadInterrupted(t *testing.T) {
	for _, victim := range []string{"sandbox", "worker"} {
		for _, old := range []string{"", "the old content"} {
			t.Run(fmt.Sprintf("%s, old=%q", victim, old), func(t *testing.T) { interrupt(t, victim, old) })
		}
	}
}

func interrupt(t *testing.T, victim, old string) {
	l := newLab(t)
	if old != "" {
		l.put(t, "shelf", "large", old)
	}
	other := l.Serve(t, l.Bundle(t, mount("/v", "shelf"), harness.Args("serve")))
	others := l.daemon.worker(t)
	// The second part waits until somebody was killed.
	begun, proceed := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	l.spoil(http.MethodPut, func(w http.ResponseWriter, r *http.Request, store http.Handler) {
		if r.URL.Query().Get("partNumber") == "2" {
			begin()
			select {
			case <-proceed:
			case <-r.Context().Done():
			}
		}
		store.ServeHTTP(w, r)
	})
	c := l.Serve(t, l.Bundle(t, mount("/v", "shelf"), harness.Args("fill", "/v/large", fmt.Sprint(large))))
	if got := line(t, c); got != "written" {
		t.Fatal(got)
	}
	<-begun
	if victim == "sandbox" {
		check(t, unix.Kill(c.SandboxPID, unix.SIGKILL))
	} else {
		for _, pid := range l.daemon.workers(t) {
			if pid != others {
				check(t, unix.Kill(pid, unix.SIGKILL))
			}
		}
	}
	if got, ok := l.object(t, "shelf", "large"); string(got) != old || ok != (old != "") {
		t.Errorf("the object has %d bytes", len(got))
	}
	close(proceed)
	l.remove(t, c)
	guest(t, other, "write", "/v/other", "goes on")
	l.expectObject(t, "other", "goes on\n")
	l.remove(t, other)
	l.expectClean(t)
	// What was written and closed arrives, by the worker or by who looks after it.
	if got, _ := l.object(t, "shelf", "large"); hash(got) != hash(filled()) {
		t.Errorf("the object has %d bytes", len(got))
	}
	parts, err := l.store.Client().ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String("shelf")})
	check(t, err)
	if victim == "sandbox" && len(parts.Uploads) > 0 {
		t.Errorf("there are %d uploads that were begun", len(parts.Uploads))
	}
}
