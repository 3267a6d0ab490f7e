package httpapi

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hullvm/hull/manager"
)

// requestMetrics are of the requests themselves.
type requestMetrics struct {
	count *prometheus.CounterVec
	time  *prometheus.HistogramVec
}

func newRegistry(e manager.Engine, log *slog.Logger) (*prometheus.Registry, *requestMetrics) {
	labels := []string{"method", "route", "code"}
	m := &requestMetrics{
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hull_http_requests_total", Help: "Requests that were answered.",
		}, labels),
		time: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "hull_http_request_duration_seconds", Help: "How long requests took; those that last are not in it.",
			Buckets: []float64{.001, .005, .025, .1, .5, 1, 5, 30, 120},
		}, labels),
	}
	r := prometheus.NewRegistry()
	r.MustRegister(
		m.count, m.time, newInstanceMetrics(e, log),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return r, m
}

// observe counts a request. What has no route is one, whatever it asked for: a
// peer cannot make series up.
func (m *requestMetrics) observe(w *recorder, took time.Duration) {
	method, path, lasts := "other", "none", false
	if e := w.route; e != nil {
		method, path, lasts = e.method, e.path, e.lasts
	}
	code := strconv.Itoa(w.code())
	m.count.WithLabelValues(method, path, code).Inc()
	if !lasts {
		m.time.WithLabelValues(method, path, code).Observe(took.Seconds())
	}
}

func metrics(s *Server, w http.ResponseWriter, c *call[none, none]) error {
	extendWrite(w, answerTime)
	promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{DisableCompression: true}).ServeHTTP(w, c.Request)
	return nil
}
