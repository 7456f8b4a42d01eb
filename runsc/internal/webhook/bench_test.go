package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gvisor.dev/gvisor/runsc/config"
	"gvisor.dev/gvisor/runsc/flag"
)

// What a review costs, without the network.
func BenchmarkReview(b *testing.B) {
	if flag.Lookup("directfs") == nil {
		config.RegisterFlags(flag.CommandLine)
	}
	conf, err := config.NewFromFlags(flag.CommandLine)
	if err != nil {
		b.Fatal(err)
	}
	s := &server{log: slog.New(slog.DiscardHandler), metrics: newMetrics()}
	h := s.routes(classes{defaultClass}, conf)
	for _, containers := range []int{1, 3, 10} {
		var cts []string
		for i := range containers {
			cts = append(cts, fmt.Sprintf(`{"name":"c%d","volumeMounts":[{"name":"a","mountPath":"/a"},{"name":"b","mountPath":"/b"},{"name":"c","mountPath":"/c"}]}`, i))
		}
		key := "dev." + "gvisor.spec.mount.a."
		body := fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","kind":{"version":"v1","kind":"Pod"},"operation":"CREATE","object":
			{"kind":"Pod","metadata":{"annotations":{%q:"bind",%q:"off"}},"spec":{"runtimeClassName":"runsc","volumes":[{"name":"a"},{"name":"b"},{"name":"c"}],"containers":[%s]}}}}`,
			key+"type", key+"directfs", strings.Join(cts, ","))
		b.Run(fmt.Sprintf("%d containers", containers), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/validate", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				if h.ServeHTTP(w, r); w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
