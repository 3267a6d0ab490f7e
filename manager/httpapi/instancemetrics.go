package httpapi

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// Bounds of a look at the instances.
const (
	scrapeAge       = 5 * time.Second // for which one is good enough
	scrapeTime      = 5 * time.Second // that one may take
	scrapeAtOnce    = 8               // instances that are asked at the same time
	scrapeInstances = 1000            // that are measured one by one; all are counted
)

// instanceMetrics are of the host's instances, collected when somebody asks.
type instanceMetrics struct {
	engine manager.Engine
	log    *slog.Logger

	count, restarts, cpu, memory, limit, up *prometheus.Desc

	moves moveMetrics

	mu   sync.Mutex
	at   time.Time // of the last look
	last []prometheus.Metric
}

func newInstanceMetrics(e manager.Engine, log *slog.Logger) *instanceMetrics {
	each := []string{"id", "name"}
	return &instanceMetrics{
		engine: e, log: log,
		count:    prometheus.NewDesc("hull_instances", "Instances, by status.", []string{"status"}, nil),
		restarts: prometheus.NewDesc("hull_instance_restarts", "How often its policy has started the instance again since its start.", each, nil),
		cpu:      prometheus.NewDesc("hull_instance_cpu_seconds_total", "Processor time of a live instance, its monitor included.", each, nil),
		memory:   prometheus.NewDesc("hull_instance_memory_bytes", "Memory of a live instance, its monitor included.", each, nil),
		limit:    prometheus.NewDesc("hull_instance_memory_limit_bytes", "What a live instance may have.", each, nil),
		up:       prometheus.NewDesc("hull_instances_readable", "1 where the instances could be listed, 0 where not.", nil, nil),
		moves:    newMoveMetrics(each),
	}
}

// Describe is part of prometheus.Collector.
func (m *instanceMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range slices.Concat([]*prometheus.Desc{m.count, m.restarts, m.cpu, m.memory, m.limit, m.up}, m.moves.descriptions()) {
		to <- d
	}
}

// Collect is part of prometheus.Collector. Those who ask at the same time, or soon
// after one another, share a look.
func (m *instanceMetrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	if m.last == nil || time.Since(m.at) > scrapeAge {
		m.last, m.at = m.look(), time.Now()
	}
	last := m.last
	m.mu.Unlock()
	for _, metric := range last {
		to <- metric
	}
}

func (m *instanceMetrics) look() []prometheus.Metric {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	all, err := m.engine.List(ctx, manager.ListOptions{All: true})
	if err != nil {
		m.log.Warn("metrics: list", "cause", err)
		return []prometheus.Metric{constant(m.up, prometheus.GaugeValue, 0)}
	}
	counts := make(map[string]int)
	for _, status := range instance.Statuses {
		counts[string(status)] = 0
	}
	out := []prometheus.Metric{constant(m.up, prometheus.GaugeValue, 1)}
	var live []manager.Summary
	for _, s := range all {
		status := string(s.State.Status)
		if s.Problem != "" {
			status = "unreadable"
		}
		counts[status]++
		if s.State.Status.Live() && len(live) < scrapeInstances {
			live = append(live, s)
			out = append(out, constant(m.restarts, prometheus.GaugeValue, float64(s.State.Restarts), instance.ShortID(s.ID), s.Name))
		}
	}
	for status, n := range counts {
		out = append(out, constant(m.count, prometheus.GaugeValue, float64(n), status))
	}
	return append(out, m.measure(ctx, live)...)
}

// measure asks live instances, several at a time. One that does not answer in time
// is left out.
func (m *instanceMetrics) measure(ctx context.Context, live []manager.Summary) []prometheus.Metric {
	results := make([]*manager.Stats, len(live))
	next := make(chan int)
	var group sync.WaitGroup
	for range min(scrapeAtOnce, len(live)) {
		group.Go(func() {
			for i := range next {
				if s, err := m.engine.Stats(ctx, live[i].ID); err == nil {
					results[i] = s
				}
			}
		})
	}
	for i := range live {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	group.Wait()
	var out []prometheus.Metric
	for _, s := range results {
		if s == nil {
			continue
		}
		id := instance.ShortID(s.ID)
		out = append(
			out,
			constant(m.cpu, prometheus.CounterValue, s.CPUTime.Seconds(), id, s.Name),
			constant(m.memory, prometheus.GaugeValue, float64(s.MemoryUsage), id, s.Name),
			constant(m.limit, prometheus.GaugeValue, float64(s.MemoryLimit), id, s.Name),
		)
		if s.Moving != nil {
			out = append(out, m.moves.of(s.Moving, id, s.Name)...)
		}
	}
	return out
}

// constant is a metric of a value; one that cannot be made fails its scrape.
func constant(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) prometheus.Metric {
	metric, err := prometheus.NewConstMetric(d, t, v, labels...)
	if err != nil {
		return prometheus.NewInvalidMetric(d, err)
	}
	return metric
}
