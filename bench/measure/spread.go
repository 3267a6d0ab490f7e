package measure

import "slices"

// Spread is the least, the median and the greatest of some values; ok is false
// where there are none.
func Spread(values []float64) (low, mid, high float64, ok bool) {
	if len(values) == 0 {
		return 0, 0, 0, false
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	mid = sorted[n/2]
	if n%2 == 0 {
		mid = (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[0], mid, sorted[n-1], true
}

// Percentile is the value that p percent of the values do not exceed, by the
// nearest rank; 0 where there are no values.
func Percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(p / 100 * float64(len(sorted)))
	if float64(rank) < p/100*float64(len(sorted)) {
		rank++
	}
	return sorted[min(max(rank, 1), len(sorted))-1]
}
