package httpapi

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hullvm/hull/manager"
)

// moveMetrics are of an instance on its way to another host, while it is.
type moveMetrics struct {
	sent, left, rate, dirty, downtime, elapsed, rounds, throttle *prometheus.Desc
}

func newMoveMetrics(each []string) moveMetrics {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("hull_migration_"+name, help, each, nil)
	}
	return moveMetrics{
		sent:     desc("sent_bytes_total", "Memory of a moving instance that was sent, in all passes, before compression."),
		left:     desc("left_bytes", "Memory of a moving instance that is not up to date at the target."),
		rate:     desc("rate_bytes_per_second", "How fast the memory of a moving instance is sent."),
		dirty:    desc("dirty_bytes_per_second", "How fast a moving instance changes its memory."),
		downtime: desc("expected_downtime_seconds", "How long a moving instance would be held, were it held now."),
		elapsed:  desc("elapsed_seconds", "How long an instance has been moving."),
		rounds:   desc("rounds", "The pass over memory that a moving instance is in."),
		throttle: desc("throttle_ratio", "The share of its time that is taken from a moving instance, for its memory to be sent faster than it changes."),
	}
}

func (m *moveMetrics) descriptions() []*prometheus.Desc {
	return []*prometheus.Desc{m.sent, m.left, m.rate, m.dirty, m.downtime, m.elapsed, m.rounds, m.throttle}
}

func (m *moveMetrics) of(p *manager.MigrationProgress, labels ...string) []prometheus.Metric {
	gauge := func(d *prometheus.Desc, v float64) prometheus.Metric {
		return constant(d, prometheus.GaugeValue, v, labels...)
	}
	return []prometheus.Metric{
		constant(m.sent, prometheus.CounterValue, float64(p.Sent), labels...),
		gauge(m.left, float64(p.Left)),
		gauge(m.rate, float64(p.Rate)),
		gauge(m.dirty, float64(p.DirtyRate)),
		gauge(m.downtime, p.ExpectedDowntime.Seconds()),
		gauge(m.elapsed, p.Elapsed.Seconds()),
		gauge(m.rounds, float64(p.Round)),
		gauge(m.throttle, float64(p.Throttle)/100),
	}
}
