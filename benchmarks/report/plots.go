package report

import (
	"fmt"
	"math"
	"path/filepath"

	"github.com/directfs/runsc/benchmarks/results"
	"github.com/directfs/runsc/benchmarks/stats"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

const width = 24 * vg.Centimeter

// Plots draws what there are figures for into a directory, as SVG.
func Plots(r *results.Results, dir string) error {
	for _, p := range []struct {
		name string
		draw func(*results.Results) (*plot.Plot, error)
	}{
		{"operations.svg", drawOperations}, {"workers.svg", drawWorkers},
		{"starts.svg", drawStarts}, {"policy.svg", drawPolicy},
	} {
		drawn, err := p.draw(r)
		if err := save(drawn, err, filepath.Join(dir, p.name)); err != nil {
			return err
		}
	}
	return nil
}

// save writes what was drawn, if there was anything to draw.
func save(drawn *plot.Plot, err error, path string) error {
	if err == nil && drawn != nil {
		err = drawn.Save(width, 13*vg.Centimeter, path)
	}
	if err != nil {
		return fmt.Errorf("draw %s: %w", filepath.Base(path), err)
	}
	return nil
}

// line is a curve with the intervals of its points.
type line struct {
	name string
	plotter.XYs
	plotter.YErrors
}

// add appends the point of a sample. A point without an interval has none drawn.
func (l *line) add(x float64, s stats.Summary, unit float64) {
	if s.N == 0 {
		return
	}
	l.XYs = append(l.XYs, plotter.XY{X: x, Y: s.Median / unit})
	e := struct{ Low, High float64 }{(s.Lo - s.Median) / unit, (s.Hi - s.Median) / unit}
	if math.IsInf(e.Low, 0) || math.IsInf(e.High, 0) {
		e.Low, e.High = 0, 0
	}
	l.YErrors = append(l.YErrors, e)
}

// drawLines adds the lines, each in a colour and shape of its own.
func drawLines(p *plot.Plot, lines []line, joined bool) error {
	// On the right, but aligned left: a viewer's font may be wider than the one
	// that gonum measures.
	p.Legend.Top, p.Legend.Left, p.Legend.XOffs = true, true, width-8.5*vg.Centimeter
	for i, l := range lines {
		if len(l.XYs) == 0 {
			continue
		}
		points, err := plotter.NewScatter(l.XYs)
		if err != nil {
			return err
		}
		points.Color, points.Shape = plotutil.Color(i), plotutil.Shape(i)
		bars, err := plotter.NewYErrorBars(l)
		if err != nil {
			return err
		}
		bars.Color = points.Color
		p.Add(bars, points)
		if joined {
			curve, err := plotter.NewLine(l.XYs)
			if err != nil {
				return err
			}
			curve.Color = points.Color
			p.Add(curve)
		}
		p.Legend.Add(l.name, points)
	}
	return nil
}

// logarithmic scales an axis by powers of ten, from the least to the greatest
// power that holds all.
func logarithmic(a *plot.Axis) {
	a.Scale = plot.LogScale{}
	a.Tick.Marker = plot.LogTicks{Prec: -1}
	a.Min = math.Pow(10, math.Floor(math.Log10(a.Min)))
	a.Max = math.Pow(10, math.Ceil(math.Log10(a.Max)))
}

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.X.Padding = vg.Centimeter / 4
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Add(plotter.NewGrid())
	return p
}
