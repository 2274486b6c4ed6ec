"""Words that every form of a report shares: safe text, numbers, and the tree of causes.

In come names, messages and findings, which hold text of the user's program; out go strings that no
terminal or page takes for markup, and findings folded under their causes.

- `sanitise.py`: control characters escaped, names shortened, numbers and durations as people
  write them.
- `source_location.py`: a finding's file and line, its claim on one line, its links in a sentence.
- `repeated_names.py`: names that differ in one number, folded to one with a range.
- `paste_command.py`: a command on the run's script, ready to be pasted.
- `compared_word.py`: a verdict's word in a comparison.
- `made_at.py`: where the layer of a finding is made, read from the user's source.
- `cause_tree.py`: each root cause with its symptoms below it; the verdict in a word.
- `suppressed_summary.py`: how many findings are silenced, and by what.

    >>> from relume.report.words.sanitise import duration, number
    >>> duration(90), number(0.5234)
    ('1 min 30 s', '0.523')
"""
