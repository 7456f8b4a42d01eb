package measure

import "slices"

// order returns the order in which n configurations are measured for one
// workload of a round. Each begins in turn, so that each has every position
// equally often, and every other round goes backwards, so that none always
// comes after the same one.
func order(round, step, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = (i + round/2 + step) % n
	}
	if round%2 == 1 {
		slices.Reverse(list)
	}
	return list
}
