"""What a job on a runner leaves behind: JUnit, a page of Markdown, annotations, and what changed since the baseline."""
