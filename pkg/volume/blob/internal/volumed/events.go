package volumed

import (
	"github.com/directfs/runsc/pkg/volume"
	"github.com/directfs/runsc/pkg/volume/blob"
	"github.com/prometheus/client_golang/prometheus"
)

// events are the numbers of the daemon's own process.
type events struct {
	workers   prometheus.Gauge
	ended     *prometheus.CounterVec
	mounts    *prometheus.GaugeVec
	refused   *prometheus.CounterVec
	recovered *prometheus.CounterVec
	kept      *prometheus.GaugeVec
	taken     *prometheus.GaugeVec

	wake chan<- struct{} // when a worker has ended
}

func newEvents(wake chan<- struct{}) *events {
	return &events{
		workers: prometheus.NewGauge(prometheus.GaugeOpts{Name: "volumed_workers",
			Help: "Workers that run, one for each sandbox."}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "volumed_workers_ended_total",
			Help: "Workers that ended, in good order (ok) or not (error)."}, []string{"outcome"}),
		mounts: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "volumed_mounts",
			Help: "Mounts that are served."}, []string{"volume"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "volumed_refused_total",
			Help: "Requests of runtimes that were refused."}, []string{"reason"}),
		recovered: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "volumed_recovered_files_total",
			Help: "Files that killed workers left, by what became of them."}, []string{"volume", "outcome"}),
		kept: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "volumed_kept_files",
			Help: "Files that killed workers left and that cannot be uploaded; somebody must look at them."}, []string{"volume"}),
		taken: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "volumed_staged_total_bytes",
			Help: "What counts for staged-total: files that are being written or were left, of all sandboxes."}, []string{"volume"}),
		wake: wake,
	}
}

func (e *events) collectors() []prometheus.Collector {
	return []prometheus.Collector{e.workers, e.ended, e.mounts, e.refused, e.recovered, e.kept, e.taken}
}

// observe is that of volume.ServeOptions.
func (e *events) observe(v volume.Event) {
	switch v.Type {
	case volume.EventRefused:
		e.refused.WithLabelValues(v.Refusal).Inc()
	case volume.EventMounted:
		e.mounts.WithLabelValues(v.Volume).Inc()
	case volume.EventUnmounted:
		e.mounts.WithLabelValues(v.Volume).Dec()
	case volume.EventWorkerStarted:
		e.workers.Inc()
	case volume.EventWorkerEnded:
		e.workers.Dec()
		outcome := "ok"
		if v.Err != nil {
			outcome = "error"
		}
		e.ended.WithLabelValues(outcome).Inc()
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}
}

func (e *events) countRecovered(volume string, o blob.Outcome) {
	switch o {
	case blob.Uploaded, blob.Present, blob.Discarded:
		e.recovered.WithLabelValues(volume, string(o)).Inc()
	}
}

func (e *events) setTaken(volume string, bytes int64) {
	e.taken.WithLabelValues(volume).Set(float64(bytes))
}

func (e *events) setKept(volume string, n int) { e.kept.WithLabelValues(volume).Set(float64(n)) }
