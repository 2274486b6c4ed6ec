"""The page of `relume report` and `relume live`: plain data in one self-contained HTML file.

In come a trace, its diagnosis and trials; out goes a page that loads nothing. The JavaScript bundle
(`web/`) draws the data; `web/src/report/types.ts` mirrors its shape.

- `report_data.py`: the data of the whole page, one run or two, within a megabyte.
- `run_data.py`: one run: its blocks, series, findings and story.
- `network_blocks.py`: sites grouped in the order of the forward pass; `affected.py`: those that
  suffer from a fault elsewhere.
- `headline_figure.py`: which figure stands at the head, by the first root cause.
- `series_encoder.py`: series thinned to pixels, two characters a value where there are many.
- `unit_spread.py`: mean and deviation of each unit's pre.
- `trial_data.py`: trials with their arms, effects and pairs.
- `html_page.py`: data, bundle and content policy in one file.
- `server.py`: the page on loopback, behind a random token, for `relume live`.

The call chain of `relume report RUN`::

    report([RunData(trace, diagnosis)], trials)
    # report_data -> encoder_for, run_data -> html_page.html
"""
