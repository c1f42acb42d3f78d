"""The Hop View: records as one self-contained HTML file."""
