-- Request headers that the settings name: a JSON object of values, with null where there was none of that name.
ALTER TABLE calls ADD COLUMN headers ANY;
